//! What only Linux has ([config-linux.md]).
//!
//! [config-linux.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md

mod block_io;
#[cfg(target_os = "linux")]
mod changes;
mod config;
mod cpu;
mod device;
mod intel_rdt;
mod memory;
mod memory_policy;
mod namespace;
mod net_device;
mod network;
mod personality;
mod resources;
mod seccomp;
mod time_offset;

pub use block_io::{BlockIo, ThrottleDevice, WeightDevice};
pub use config::{Linux, RootfsPropagation};
pub use cpu::Cpu;
pub(crate) use device::DeviceAccess;
pub use device::{Device, DeviceRule, DeviceType};
pub use intel_rdt::IntelRdt;
pub use memory::{HugepageLimit, Memory};
pub use memory_policy::{MemoryPolicy, MemoryPolicyFlag, MemoryPolicyMode};
pub use namespace::{Namespace, NamespaceType};
pub use net_device::NetDevice;
pub use network::{InterfacePriority, Network};
pub use personality::{Personality, PersonalityDomain};
pub use resources::{Pids, Rdma, Resources};
pub use seccomp::{
    Arch, Seccomp, SeccompAction, SeccompFlag, Syscall, SyscallArg, SyscallOperator,
};
pub use time_offset::TimeOffset;
