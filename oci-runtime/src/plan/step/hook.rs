//! Programs that run at points of the container's life.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Programs to run at one point of the container's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hooks {
    pub(crate) kind: HookKind,
    pub(crate) hooks: Vec<Hook>,
}

impl Display for Hooks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.kind.word())?;
        self.hooks.iter().try_for_each(|hook| write!(f, " {}", hook.path.display()))
    }
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
        match self {
            Self::Prestart | Self::CreateRuntime | Self::Poststart | Self::Poststop => true,
            Self::CreateContainer | Self::StartContainer => false,
        }
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
