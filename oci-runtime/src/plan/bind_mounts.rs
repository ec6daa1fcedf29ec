//! Bind mounts, in whose files and directories nothing is made: they are the host's.

use super::Planner;
use super::options::Options;
use crate::spec;

impl Planner<'_> {
    /// Whether a path is in a bind mount. The last mount at or above the path decides: it covers those before.
    pub(super) fn is_bind_mounted(&self, path: &str) -> bool {
        let path = components(path);
        let covers = |mount: &&spec::Mount| path.starts_with(&components(&mount.destination));
        let makes = |mount: &&spec::Mount| !Options::parse(&mount.options).remount;
        let mounts = self.spec.mounts.iter();
        mounts.filter(covers).rfind(makes).is_some_and(is_bind)
    }
}

/// Whether an entry shows what the host has.
fn is_bind(mount: &spec::Mount) -> bool {
    Options::parse(&mount.options).bind || matches!(mount.r#type.as_deref(), Some("bind" | "rbind"))
}

/// The names on the way to a path, if no link leads elsewhere.
fn components(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names
}
