use std::borrow::Cow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A mounted hierarchy of cgroups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hierarchy {
    /// Controllers, as in `/proc/self/cgroup`; empty for the unified hierarchy.
    pub(crate) controllers: Vec<String>,
    pub(crate) mount: PathBuf,
    /// The caller's own cgroup in it.
    pub(crate) own: String,
}

impl Hierarchy {
    /// The name of the directory where it is mounted.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        self.mount.file_name().unwrap_or_default().to_string_lossy()
    }
}
