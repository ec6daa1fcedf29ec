//! What the init has another runtime do.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A command that makes a process, whose number it writes to a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommandStep {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Its search path.
    pub(crate) search: String,
    pub(crate) pid_file: PathBuf,
    /// Where it says why it fails.
    pub(crate) log: PathBuf,
}

impl Display for CommandStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "run {} {}", self.program.display(), self.arguments.join(" "))
    }
}
