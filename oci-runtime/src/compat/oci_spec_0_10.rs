//! To the types of `oci-spec` 0.10 and back: what [`oci_image::compat::oci_spec_0_10`] says.
//!
//! What is lost may be what keeps a container in: a capability set, a seccomp rule or a device rule
//! that `oci-spec` cannot hold is left out of the value. Ask for
//! [`exact`](oci_image::compat::oci_spec_0_10::Converted::exact) before such a value is run.
//!
//! ```
//! use oci_runtime::Spec;
//! use oci_runtime::compat::oci_spec_0_10::Counterpart;
//!
//! let text = br#"{"ociVersion":"1.3.0","hostname":"web","freebsd":{"jail":{"parent":"a"}}}"#;
//! let spec: Spec = oci_image::json::from_slice(text)?;
//! let converted = spec.to_oci_spec()?;
//! assert_eq!(converted.value.hostname().as_deref(), Some("web"));
//! assert_eq!(converted.lost, ["/freebsd"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use oci_image::compat::oci_spec_0_10::{ConversionError, Converted, Counterpart, Inexact};
use oci_spec::runtime;

use crate::spec::{self, features, linux, solaris, vm, windows, zos};

macro_rules! counterparts {
    ($($ours:ty: $theirs:ident;)*) => {$(
        impl Counterpart for $ours {
            type OciSpec = runtime::$theirs;
        }
    )*};
}

counterparts! {
    spec::Capability: Capability;
    spec::Capabilities: LinuxCapabilities;
    spec::ConsoleSize: Box;
    spec::ContainerProcessState: ContainerProcessState;
    spec::ExecCpuAffinity: ExecCPUAffinity;
    spec::Features: Features;
    spec::Hook: Hook;
    spec::Hooks: Hooks;
    spec::IdMapping: LinuxIdMapping;
    spec::IoPriority: LinuxIOPriority;
    spec::Linux: Linux;
    spec::Mount: Mount;
    spec::Process: Process;
    spec::Rlimit: PosixRlimit;
    spec::Root: Root;
    spec::Scheduler: Scheduler;
    spec::Solaris: Solaris;
    spec::Spec: Spec;
    spec::State: State;
    spec::Status: ContainerState;
    spec::User: User;
    spec::Vm: VM;
    spec::Windows: Windows;
    spec::Zos: ZOS;
    features::Cgroup: Cgroup;
    features::Linux: LinuxFeature;
    features::Seccomp: Seccomp;
    linux::BlockIo: LinuxBlockIo;
    linux::Cpu: LinuxCpu;
    linux::Device: LinuxDevice;
    linux::DeviceRule: LinuxDeviceCgroup;
    linux::HugepageLimit: LinuxHugepageLimit;
    linux::IntelRdt: LinuxIntelRdt;
    linux::Memory: LinuxMemory;
    linux::MemoryPolicy: LinuxMemoryPolicy;
    linux::Namespace: LinuxNamespace;
    linux::NetDevice: LinuxNetDevice;
    linux::Network: LinuxNetwork;
    linux::Personality: LinuxPersonality;
    linux::Pids: LinuxPids;
    linux::Rdma: LinuxRdma;
    linux::Resources: LinuxResources;
    linux::Seccomp: LinuxSeccomp;
    linux::Syscall: LinuxSyscall;
    linux::SyscallArg: LinuxSeccompArg;
    linux::TimeOffset: LinuxTimeOffset;
    solaris::Anet: SolarisAnet;
    vm::Hypervisor: VMHypervisor;
    vm::Image: VMImage;
    vm::Kernel: VMKernel;
    windows::Device: WindowsDevice;
    windows::Network: WindowsNetwork;
    windows::Resources: WindowsResources;
    zos::Namespace: ZOSNamespace;
}
