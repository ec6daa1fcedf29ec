//! What only FreeBSD has ([config-freebsd.md]).
//!
//! [config-freebsd.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-freebsd.md

use oci_image::json::model;

model! {
    /// The configuration that only FreeBSD has.
    pub struct FreeBsd {
        /// Devices to show beside those of the devfs rules.
        list devices: Vec<Device> = "devices";
        /// The jail's parameters.
        optional jail: Jail = "jail";
    }

    /// A device to show in a container.
    pub struct Device {
        /// Its path below `/dev`.
        required path: String = "path";
        /// The permissions.
        optional mode: u32 = "mode";
    }

    /// The parameters of a jail.
    pub struct Jail {
        /// The name of the jail that this one is in; absent is the host.
        optional parent: String = "parent";
        /// Host name, domain name, host UUID and host ID.
        optional host: Sharing = "host";
        /// IPv4 addresses.
        optional ip4: Sharing = "ip4";
        /// The IPv4 addresses of the jail.
        list ip4_addr: Vec<String> = "ip4Addr";
        /// IPv6 addresses.
        optional ip6: Sharing = "ip6";
        /// The IPv6 addresses of the jail.
        list ip6_addr: Vec<String> = "ip6Addr";
        /// The network stack.
        optional vnet: Sharing = "vnet";
        /// The interface to which the jail's addresses are added.
        optional interface: String = "interface";
        /// Interfaces that move to the jail's network stack.
        list vnet_interfaces: Vec<String> = "vnetInterfaces";
        /// System V message queues.
        optional sysvmsg: Sharing = "sysvmsg";
        /// System V semaphores.
        optional sysvsem: Sharing = "sysvsem";
        /// System V shared memory.
        optional sysvshm: Sharing = "sysvshm";
        /// Which mounts are seen: 0 all, 1 those below the root, 2 only the root.
        optional enforce_statfs: i64 = "enforceStatfs";
        /// What processes in the jail may do.
        optional allow: Allow = "allow";
    }

    /// What processes in a jail may do.
    pub struct Allow {
        /// Change the host name.
        optional set_hostname: bool = "setHostname";
        /// Use raw sockets.
        optional raw_sockets: bool = "rawSockets";
        /// Change file flags.
        optional chflags: bool = "chflags";
        /// Mount filesystems of these types.
        list mount: Vec<String> = "mount";
        /// Change quotas.
        optional quotas: bool = "quotas";
        /// Use sockets other than IPv4, IPv6 and Unix.
        optional socket_af: bool = "socketAf";
        /// Lock memory.
        optional mlock: bool = "mlock";
        /// Bind ports below 1024.
        optional reserved_ports: bool = "reservedPorts";
        /// Be super-user.
        optional suser: bool = "suser";
    }
}

open! {
    /// Whose resources a jail uses.
    pub enum Sharing {
        New = "new",
        Inherit = "inherit",
        Disable = "disable",
    }
}
