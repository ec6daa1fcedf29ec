//! What the program may do, and how it is scheduled.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::function::CalledFunction;
use crate::host::Resource;

/// A step that makes the init the process of the container, and in the end its program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProcessStep {
    /// Set how readily the kernel kills the process when memory is short.
    OomScore(i32),
    /// Make a session keyring, with this label of SELinux: the caller's holds its secrets.
    SessionKeyring {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// Open a file below `/proc/self` for a label.
    OpenLabel(String),
    /// Write a label to the file that was opened for it.
    Label(Label),
    /// Run on these processors.
    Processors(Vec<u32>),
    /// Lead a session of its own.
    Session,
    /// Open a terminal, send it to the caller and make it standard input, output and error. It is shown as
    /// `/dev/console`, which is made unless its directory is bind mounted from the host.
    Terminal { height: Option<u16>, width: Option<u16>, make_console: bool },
    /// Limit a resource of the process.
    Rlimit { resource: Resource, soft: u64, hard: u64 },
    /// Set how the process is scheduled.
    Schedule(Schedule),
    /// Set how its input and output are scheduled.
    IoPriority { class: Constant, level: u32 },
    /// Set the execution domain.
    Personality(Constant),
    /// Set where memory comes from.
    MemoryPolicy { mode: Constant, flags: u32, nodes: Vec<u32> },
    /// Set the working directory.
    WorkingDirectory(String),
    /// Drop capabilities that no program of the container may ever have.
    BoundingSet(Vec<Constant>),
    /// Set `HOME` to the home directory that the container's `/etc/passwd` has for the user.
    Home(u32),
    /// Set the user, the group and the additional groups, and keep the capabilities.
    User { uid: u32, gid: u32, groups: Option<Vec<u32>> },
    /// Set the file mode creation mask.
    Umask(u32),
    /// Set the capabilities of the process.
    Capabilities(Capabilities),
    /// Let no program of the container gain rights by exec.
    NoNewPrivileges,
    /// Look the program up.
    FindProgram { name: String, search: Vec<String> },
    /// Load the system call filter.
    Seccomp(Filter),
    /// Become the program.
    Execute { arguments: Vec<String>, environment: Vec<String> },
    /// Look the function up.
    FindFunction(String),
    /// Call the function that was looked up, and end with its result.
    Call { function: CalledFunction, arguments: Vec<String>, environment: Vec<String> },
}

impl Display for ProcessStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::OomScore(value) => write!(f, "set oom_score_adj to {value}"),
            Self::SessionKeyring { label: None } => f.write_str("make session keyring"),
            Self::SessionKeyring { label: Some(label) } => {
                write!(f, "make session keyring with label {label}")
            }
            Self::OpenLabel(file) => write!(f, "open {file} of this process"),
            Self::Label(Label { file, value }) => write!(f, "write {value} to {file}"),
            Self::Processors(list) => {
                let list: Vec<String> = list.iter().map(u32::to_string).collect();
                write!(f, "run on processors {}", list.join(","))
            }
            Self::Session => f.write_str("make session"),
            Self::Terminal { .. } => f.write_str("open a terminal as /dev/console"),
            Self::Rlimit { resource, soft, hard } => {
                write!(f, "set {} to {} of {}", resource.word(), limit(*soft), limit(*hard))
            }
            Self::Schedule(schedule) => write!(f, "schedule as {}", schedule.policy.name),
            Self::IoPriority { class, level } => {
                write!(f, "set I/O priority {} {level}", class.name)
            }
            Self::Personality(domain) => write!(f, "set personality {}", domain.name),
            Self::MemoryPolicy { mode, .. } => write!(f, "set memory policy {}", mode.name),
            Self::WorkingDirectory(path) => write!(f, "change to {path}"),
            Self::BoundingSet(kept) => write!(f, "bound capabilities to {}", names(kept)),
            Self::Home(uid) => write!(f, "set HOME to that of user {uid} in /etc/passwd"),
            Self::User { uid, gid, groups } => {
                write!(f, "become user {uid}, group {gid}")?;
                match groups.as_deref() {
                    None => f.write_str(", keeping additional groups"),
                    Some([]) => Ok(()),
                    Some(groups) => write!(f, ", additional groups {groups:?}"),
                }
            }
            Self::Umask(mask) => write!(f, "set umask {mask:03o}"),
            Self::Capabilities(sets) => sets.fmt(f),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::FindProgram { name, .. } => write!(f, "find program {name}"),
            Self::Seccomp(filter) => write!(f, "load system call filter: {}", filter.summary),
            Self::Execute { arguments, .. } => write!(f, "execute {}", arguments.join(" ")),
            Self::FindFunction(name) => write!(f, "find function {name}"),
            Self::Call { function: CalledFunction { name, input }, .. } => {
                write!(f, "call function {name} with {} bytes", input.len())
            }
        }
    }
}

fn limit(value: u64) -> String {
    if value == u64::MAX { "unlimited".into() } else { value.to_string() }
}

fn names(capabilities: &[Constant]) -> String {
    if capabilities.is_empty() {
        return "none".into();
    }
    let names: Vec<&str> =
        capabilities.iter().map(|capability| capability.name.trim_start_matches("CAP_")).collect();
    names.join(",")
}

/// A constant of the kernel: its name in the specification, and its number, which is the same on every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) number: u32,
}

/// A label that a security module gives to the program, by a file below `/proc/self`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) file: String,
    pub(crate) value: String,
}

/// How a process is scheduled, as sched_setattr(2) takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) policy: Constant,
    pub(crate) flags: u32,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// The capability sets of a process but for the bounding set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capabilities {
    pub(crate) effective: Vec<Constant>,
    pub(crate) permitted: Vec<Constant>,
    pub(crate) inheritable: Vec<Constant>,
    pub(crate) ambient: Vec<Constant>,
}

impl Display for Capabilities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "set capabilities: effective {}", names(&self.effective))?;
        write!(f, "; permitted {}", names(&self.permitted))?;
        write!(f, "; inheritable {}; ambient {}", names(&self.inheritable), names(&self.ambient))
    }
}

/// A compiled system call filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// What the profile says, for people.
    pub(crate) summary: String,
    /// The flags of seccomp(2).
    pub(crate) flags: u32,
    /// Code, jump if true, jump if false, value.
    pub(crate) instructions: Vec<(u16, u8, u8, u32)>,
}
