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

    /// Where a cgroup of this path lies in it: an absolute path begins at the mount, a relative one at the caller's own
    /// cgroup (runtime-spec, `config-linux.md#cgroups-path`).
    pub(crate) fn directory(&self, path: &str) -> PathBuf {
        let base = if path.starts_with('/') { "" } else { self.own.trim_start_matches('/') };
        self.mount.join(base).join(path.trim_start_matches('/'))
    }
}
