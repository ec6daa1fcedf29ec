//! The vocabulary of a plan. Symbolic, so that plans are made, printed and compared on any system.

mod cgroup;
mod device;
mod hook;
mod mount;
mod namespace;
mod process;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    cgroup::{CgroupPlan, CgroupWrite, DeviceRule, Hierarchy},
    device::{Device, DeviceKind, Supply},
    hook::{Hook, HookKind, Hooks},
    mount::{Attribute, Change, Idmap, Mount, OpenTree, Propagation, PropagationKind, Source},
    namespace::{IdRange, MapIds, Namespace, TimeOffset},
    process::{Capabilities, Capability, Filter, Schedule},
};

/// One thing that will be done. The order of steps in a plan is the order of doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Make the control group and write its limits.
    MakeCgroup(CgroupPlan),
    /// Say how willing the kernel shall be to kill the process when memory is short.
    OomScore(i32),
    /// Take hold of a file or directory of the host, as a mount that is attached nowhere yet.
    OpenTree(OpenTree),
    /// Join the namespace that a path names.
    Join { kind: Namespace, path: PathBuf },
    /// Join namespaces of the process that the launcher holds.
    JoinTarget(Vec<Namespace>),
    /// Make a user namespace.
    NewUserNamespace,
    /// Write which ids of the host the ids inside are.
    MapIds(MapIds),
    /// Become an id inside the user namespace, with the rights of its owner.
    BecomeRoot,
    /// Make a time namespace, with its clocks set off from the host's.
    TimeNamespace(Vec<TimeOffset>),
    /// Make the process of the container in new namespaces.
    Clone(Vec<Namespace>),
    /// Make the process in the namespaces that were joined, and stay until it has ended.
    Attend,
    /// Run on these processors.
    Processors(Vec<u32>),
    /// Put the process into its control group.
    EnterCgroup,
    /// Make a control group namespace, with the process's own group as its root.
    CgroupNamespace,
    /// Lead a session of its own.
    Session,
    /// Name the host inside.
    Hostname(String),
    /// Name the NIS domain inside.
    Domainname(String),
    /// Bring up `lo`.
    Loopback,
    /// Cut or keep the ties between mounts here and on the host.
    Propagation(Propagation),
    /// Attach the root filesystem.
    Root { tree: usize, path: PathBuf },
    /// Mount one filesystem, directory or file.
    Mount(Mount),
    /// Make a device node.
    Device(Device),
    /// Make a symbolic link beneath `/dev`.
    Link { path: String, target: String },
    /// Run programs at a point of the container's life.
    Hooks(Hooks),
    /// Set kernel parameters of the container's namespaces.
    Sysctl { key: String, value: String },
    /// Hide a path.
    Mask(String),
    /// Make a path read-only.
    ReadOnlyPath(String),
    /// Make the root filesystem read-only.
    ReadOnlyRoot,
    /// Swap the root filesystem in and the host's out.
    PivotRoot,
    /// Set how mounts of the container spread.
    RootPropagation(Propagation),
    /// Open a terminal, hand it to the caller and make it standard input, output and error. It is shown as
    /// `/dev/console`, which is made unless its directory is the host's.
    Terminal { height: Option<u16>, width: Option<u16>, make_console: bool },
    /// Bound a resource of the process.
    Rlimit { resource: String, soft: u64, hard: u64 },
    /// Set how the process is scheduled.
    Schedule(Schedule),
    /// Set how its input and output are scheduled.
    IoPriority { class: String, level: i32 },
    /// Set the execution domain.
    Personality(String),
    /// Set where memory comes from.
    MemoryPolicy { mode: String, flags: Vec<String>, nodes: Vec<u32> },
    /// Make a directory of the root filesystem, unless it is there.
    MakeDirectory(String),
    /// Set the working directory.
    WorkingDirectory(String),
    /// Drop capabilities that no program of the container may ever have.
    BoundingSet(Vec<Capability>),
    /// Take on the user, the group and the additional groups.
    User { uid: u32, gid: u32, groups: Option<Vec<u32>>, keep_capabilities: bool },
    /// Set the file mode creation mask.
    Umask(u32),
    /// Set the capabilities of the process.
    Capabilities(Capabilities),
    /// No program of the container gains rights by exec.
    NoNewPrivileges,
    /// Look the program up.
    FindProgram { name: String, search: Vec<String> },
    /// Tell the caller that the container is created, and wait until it is started.
    AwaitStart,
    /// Load the system call filter.
    Seccomp(Filter),
    /// Become the program.
    Execute { arguments: Vec<String>, environment: Vec<String> },
}

/// Who does a step.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The process that asked for the container.
    Runtime,
    /// The init.
    Init,
}

#[cfg(target_os = "linux")]
impl Step {
    /// Who does this step.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::MakeCgroup(_) | Self::MapIds(_) | Self::EnterCgroup => Actor::Runtime,
            Self::Hooks(hooks) if hooks.kind.runs_in_runtime() => Actor::Runtime,
            _ => Actor::Init,
        }
    }
}
