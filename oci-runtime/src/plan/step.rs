//! The vocabulary of a plan. Symbolic, so that plans are made, printed and compared on any system.
//!
//! Steps are grouped by who carries them out and where; each group has its file, with the texts of its steps.

mod cgroup;
mod command;
mod device;
mod filesystem;
mod hook;
mod mount;
mod namespace;
mod process;
mod runtime;

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub(crate) use self::cgroup::CgroupUpdate;
pub(crate) use self::{
    cgroup::{CgroupPlan, CgroupWrite, DeviceRule, DeviceRuleKind, UnitPlan},
    command::CommandStep,
    device::{Device, DeviceKind, DeviceOrigin},
    filesystem::FilesystemStep,
    hook::{Hook, HookKind, Hooks},
    mount::{Attribute, Change, Idmap, Mount, OpenTree, Propagation, PropagationKind, Source},
    namespace::{Clock, MapIds, Namespace, NamespaceStep, TimeOffset},
    process::{Capabilities, Constant, Filter, Label, ProcessStep, Schedule},
    runtime::RuntimeStep,
};

/// One thing that will be done. The order of steps in a plan is the order of doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Done by the process that asked for the container, in the namespaces of the host: the init has no right to it, or
    /// is not to be trusted with it.
    Runtime(RuntimeStep),
    /// Done by the init: makes the namespaces of the container and what is in them besides mounts.
    Namespace(NamespaceStep),
    /// Done by the init: makes the mount table of the container and the files that belong to it.
    Filesystem(FilesystemStep),
    /// Done by the init: makes itself the process of the container, and in the end its program.
    Process(ProcessStep),
    /// Done by the init: runs programs in the namespaces of the container.
    Hooks(Hooks),
    /// Done by the init: tells the caller that the container is created, and waits until it is started.
    AwaitStart,
    /// Done by the init: has another runtime make a process, waits for it, and ends as it does.
    Command(CommandStep),
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(step) => step.fmt(f),
            Self::Namespace(step) => step.fmt(f),
            Self::Filesystem(step) => step.fmt(f),
            Self::Process(step) => step.fmt(f),
            Self::Hooks(hooks) => hooks.fmt(f),
            Self::AwaitStart => f.write_str("wait for the start"),
            Self::Command(command) => command.fmt(f),
        }
    }
}

impl From<RuntimeStep> for Step {
    fn from(step: RuntimeStep) -> Self {
        Self::Runtime(step)
    }
}

impl From<NamespaceStep> for Step {
    fn from(step: NamespaceStep) -> Self {
        Self::Namespace(step)
    }
}

impl From<FilesystemStep> for Step {
    fn from(step: FilesystemStep) -> Self {
        Self::Filesystem(step)
    }
}

impl From<ProcessStep> for Step {
    fn from(step: ProcessStep) -> Self {
        Self::Process(step)
    }
}
