//! What only Solaris has ([config-solaris.md]).
//!
//! [config-solaris.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-solaris.md

use oci_image::json::model;

model! {
    /// The configuration that only Solaris has.
    pub struct Solaris {
        /// The service that must be online before the program starts.
        optional milestone: String = "milestone";
        /// The privileges that processes can have at most.
        optional limitpriv: String = "limitpriv";
        /// The most shared memory: `512m`.
        optional max_shm_memory: String = "maxShmMemory";
        /// Networks to make.
        list anet: Vec<Anet> = "anet";
        /// A limit of processor time.
        optional capped_cpu: CappedCpu = "cappedCPU";
        /// Limits of memory.
        optional capped_memory: CappedMemory = "cappedMemory";
    }

    /// A network to make for a container.
    pub struct Anet {
        /// The name of the link in the container.
        optional linkname: String = "linkname";
        /// The link below it.
        optional lower_link: String = "lowerLink";
        /// The addresses that the container may use.
        optional allowed_address: String = "allowedAddress";
        /// Whether to give the container those addresses at each start: `true` or `false`.
        optional configure_allowed_address: String = "configureAllowedAddress";
        /// The default router.
        optional defrouter: String = "defrouter";
        /// Kinds of link protection.
        optional link_protection: String = "linkProtection";
        /// The MAC address.
        optional mac_address: String = "macAddress";
    }

    /// A limit of processor time.
    pub struct CappedCpu {
        /// How many processors, with two decimals at most.
        optional ncpus: String = "ncpus";
    }

    /// Limits of memory.
    pub struct CappedMemory {
        /// Physical memory: `512m`.
        optional physical: String = "physical";
        /// Swap: `512m`.
        optional swap: String = "swap";
    }
}
