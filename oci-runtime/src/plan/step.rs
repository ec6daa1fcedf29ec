//! The vocabulary of a plan. Symbolic, so that plans are made, printed and compared on any system.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// Open a terminal, hand it to the caller and make it standard input, output and error.
    Terminal { height: Option<u16>, width: Option<u16> },
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The process that asked for the container.
    Runtime,
    /// The init.
    Init,
}

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

/// A kind of namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Namespace {
    User,
    Mount,
    Pid,
    Network,
    Ipc,
    Uts,
    Cgroup,
    Time,
}

impl Namespace {
    /// All kinds.
    pub(crate) const ALL: [Self; 8] = [
        Self::User,
        Self::Mount,
        Self::Pid,
        Self::Network,
        Self::Ipc,
        Self::Uts,
        Self::Cgroup,
        Self::Time,
    ];

    /// The name of the file in `/proc/PID/ns`.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Mount => "mnt",
            Self::Pid => "pid",
            Self::Network => "net",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// The word of the runtime specification.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Network => "network",
            other => other.file(),
        }
    }
}

/// A run of ids inside a user namespace and on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdRange {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
    pub(crate) size: u32,
}

/// How id mappings come into the kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapIds {
    pub(crate) uids: Vec<IdRange>,
    pub(crate) gids: Vec<IdRange>,
    /// Paths of newuidmap and newgidmap, if the caller may not write the mappings itself.
    pub(crate) helpers: Option<(PathBuf, PathBuf)>,
    /// The kernel demands that setgroups is given up first.
    pub(crate) deny_setgroups: bool,
}

/// A clock of a time namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimeOffset {
    pub(crate) clock: String,
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

/// A directory or file of the host to be mounted later, by its number in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenTree {
    pub(crate) id: usize,
    pub(crate) source: PathBuf,
    pub(crate) recursive: bool,
    /// How mounts spread into and out of the tree; none leaves it as the host has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) propagation: Option<Propagation>,
    /// Ids on disk are shown as other ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idmap: Option<Idmap>,
}

/// The mapping of an idmapped mount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Idmap {
    pub(crate) uids: Vec<IdRange>,
    pub(crate) gids: Vec<IdRange>,
    pub(crate) recursive: bool,
}

/// How mounts and unmounts spread between peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Propagation {
    pub(crate) kind: PropagationKind,
    pub(crate) recursive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PropagationKind {
    Shared,
    Slave,
    Private,
    Unbindable,
}

/// One entry of the mount table to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) source: Source,
    /// Absolute, as seen from inside.
    pub(crate) target: String,
    #[serde(default, skip_serializing_if = "Change::is_empty")]
    pub(crate) change: Change,
    #[serde(default, skip_serializing_if = "Change::is_empty")]
    pub(crate) recursive_change: Change,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) propagation: Option<Propagation>,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// A new instance of a filesystem.
    Filesystem {
        kind: String,
        source: Option<String>,
        /// Options for the filesystem and its superblock: `key` or `key=value`.
        options: Vec<String>,
        /// Symbolic links on the way to the target are refused.
        plain_target: bool,
    },
    /// A tree that an earlier step opened.
    Tree { id: usize, path: PathBuf },
    /// What is mounted there already, with other options.
    Remount { superblock: bool, options: Vec<String> },
}

/// Attributes of a mount to set and to clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) set: Vec<Attribute>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) clear: Vec<Attribute>,
}

impl Change {
    /// Whether nothing is changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }
}

/// An attribute of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attribute {
    Ro,
    NoSuid,
    NoDev,
    NoExec,
    NoDirAtime,
    NoSymFollow,
    Relatime,
    NoAtime,
    StrictAtime,
}

impl Attribute {
    /// The option word that sets it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ro => "ro",
            Self::NoSuid => "nosuid",
            Self::NoDev => "nodev",
            Self::NoExec => "noexec",
            Self::NoDirAtime => "nodiratime",
            Self::NoSymFollow => "nosymfollow",
            Self::Relatime => "relatime",
            Self::NoAtime => "noatime",
            Self::StrictAtime => "strictatime",
        }
    }

    /// Whether it is one of the three that exclude each other.
    pub(crate) fn is_access_time(self) -> bool {
        matches!(self, Self::Relatime | Self::NoAtime | Self::StrictAtime)
    }
}

/// A device node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) path: String,
    pub(crate) kind: DeviceKind,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The caller may not make device nodes: show the host's node of the same path and number.
    pub(crate) bind: bool,
}

/// The kind of a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceKind {
    Character,
    Block,
    Fifo,
}

/// Programs to run at one point of the container's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hooks {
    pub(crate) kind: HookKind,
    pub(crate) hooks: Vec<Hook>,
}

/// When hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum HookKind {
    Prestart,
    CreateRuntime,
    CreateContainer,
    StartContainer,
    Poststart,
    Poststop,
}

impl HookKind {
    /// The member name of the specification.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }

    /// Whether the programs run in the namespaces of the runtime.
    pub(crate) fn runs_in_runtime(self) -> bool {
        !matches!(self, Self::CreateContainer | Self::StartContainer)
    }
}

/// One program to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<String>,
    /// In seconds.
    pub(crate) timeout: Option<u64>,
}

/// How a process is scheduled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) policy: String,
    pub(crate) flags: Vec<String>,
    pub(crate) nice: i32,
    pub(crate) priority: i32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// A capability by its name and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capability {
    pub(crate) name: String,
    pub(crate) number: u32,
}

/// The capability sets of a process but for the bounding set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capabilities {
    pub(crate) effective: Vec<Capability>,
    pub(crate) permitted: Vec<Capability>,
    pub(crate) inheritable: Vec<Capability>,
    pub(crate) ambient: Vec<Capability>,
}

/// A control group and what is written to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CgroupPlan {
    /// Relative to the mount of the control groups. None: named after the container.
    pub(crate) path: Option<String>,
    /// Where each hierarchy is mounted, by controller; the unified one has the empty name.
    pub(crate) hierarchies: Vec<Hierarchy>,
    pub(crate) writes: Vec<CgroupWrite>,
    /// Rules for devices, in order.
    pub(crate) devices: Vec<DeviceRule>,
}

/// A mounted hierarchy of control groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hierarchy {
    /// Controllers, as in `/proc/self/cgroup`; empty for the unified hierarchy.
    pub(crate) controllers: Vec<String>,
    pub(crate) mount: PathBuf,
    /// The caller's own group in it.
    pub(crate) own: String,
}

/// One line for one file of a control group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CgroupWrite {
    /// The controller whose hierarchy holds the file; empty for the unified one.
    pub(crate) controller: String,
    pub(crate) file: String,
    pub(crate) value: String,
}

/// Who may use which devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceRule {
    pub(crate) allow: bool,
    /// `a`, `b` or `c`.
    pub(crate) kind: char,
    pub(crate) major: Option<u32>,
    pub(crate) minor: Option<u32>,
    pub(crate) access: String,
}

/// A compiled system call filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// What the profile says, for people.
    pub(crate) summary: String,
    /// `SECCOMP_FILTER_FLAG_*` words.
    pub(crate) flags: Vec<String>,
    /// Code, jump if true, jump if false, value.
    pub(crate) instructions: Vec<(u16, u8, u8, u32)>,
}
