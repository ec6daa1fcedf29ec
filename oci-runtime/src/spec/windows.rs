//! What only Windows has ([config-windows.md]).
//!
//! [config-windows.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-windows.md

use oci_image::json::{Value, model};

model! {
    /// The configuration that only Windows has.
    pub struct Windows {
        /// The directories of the image's layers, the topmost first; at least one.
        list layer_folders: Vec<String> = "layerFolders";
        /// Devices to map in.
        list devices: Vec<Device> = "devices";
        /// Limits.
        optional resources: Resources = "resources";
        /// A group managed service account: an object, or a word that the runtime knows.
        optional credential_spec: Value = "credentialSpec";
        /// Whether the container starts to apply a Windows update.
        optional servicing: bool = "servicing";
        /// Whether flushes to disk are ignored while it boots.
        optional ignore_flushes_during_boot: bool = "ignoreFlushesDuringBoot";
        /// Present: a Hyper-V container. Absent: a Windows Server container.
        optional hyperv: HyperV = "hyperv";
        /// The network.
        optional network: Network = "network";
    }

    /// A device of the host to map into a container.
    pub struct Device {
        /// Its identifier.
        required id: String = "id";
        /// What kind of identifier.
        required id_type: DeviceIdType = "idType";
    }

    /// Limits of a container.
    pub struct Resources {
        /// Limits of memory.
        optional memory: Memory = "memory";
        /// Limits of processor time.
        optional cpu: Cpu = "cpu";
        /// Limits of storage.
        optional storage: Storage = "storage";
    }

    /// Limits of memory.
    pub struct Memory {
        /// Bytes.
        optional limit: u64 = "limit";
    }

    /// Limits of processor time; at most one of `count`, `shares` and `maximum` should be set.
    pub struct Cpu {
        /// How many processors.
        optional count: u64 = "count";
        /// The weight beside others: 0 to 10000.
        optional shares: u16 = "shares";
        /// Cycles of each 10000.
        optional maximum: u16 = "maximum";
        /// The processors to run on.
        list affinity: Vec<CpuAffinity> = "affinity";
    }

    /// Processors of a group.
    pub struct CpuAffinity {
        /// One bit a processor.
        required mask: u64 = "mask";
        /// The group.
        required group: u32 = "group";
    }

    /// Limits of storage.
    pub struct Storage {
        /// Operations a second.
        optional iops: u64 = "iops";
        /// Bytes a second.
        optional bps: u64 = "bps";
        /// The least size of the system drive in bytes.
        optional sandbox_size: u64 = "sandboxSize";
    }

    /// The network of a container.
    pub struct Network {
        /// Endpoints to connect to.
        list endpoint_list: Vec<String> = "endpointList";
        /// Whether names without a domain are resolved.
        optional allow_unqualified_dns_query: bool = "allowUnqualifiedDNSQuery";
        /// Domains to look names up in.
        list dns_search_list: Vec<String> = "DNSSearchList";
        /// The container whose network is shared.
        optional network_shared_container_name: String = "networkSharedContainerName";
        /// The network namespace; excludes all other members.
        optional network_namespace: String = "networkNamespace";
    }

    /// A Hyper-V container.
    pub struct HyperV {
        /// The path of the utility machine's image.
        optional utility_vm_path: String = "utilityVMPath";
    }
}

open! {
    /// What kind of identifier names a device.
    pub enum DeviceIdType {
        Class = "class",
    }
}
