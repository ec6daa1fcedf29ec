//! Which layers are mounted, by any process that can be looked at.

use std::collections::HashSet;
use std::fs;
use std::io;

/// The overlays that are mounted.
pub(super) struct Mounts {
    /// The options of each.
    options: Vec<String>,
}

impl Mounts {
    /// Looks through the mounts of all mount namespaces that processes are in.
    ///
    /// Those of other users cannot be seen without privileges.
    pub(super) fn read() -> io::Result<Self> {
        let mut mounts = Self { options: Vec::new() };
        mounts.add(&fs::read_to_string("/proc/self/mountinfo")?);
        let mut seen: HashSet<_> = fs::read_link("/proc/self/ns/mnt").into_iter().collect();
        for process in fs::read_dir("/proc")?.flatten() {
            let path = process.path();
            // What has ended meanwhile, or belongs to others, says nothing.
            let Ok(namespace) = fs::read_link(path.join("ns/mnt")) else { continue };
            if seen.insert(namespace)
                && let Ok(text) = fs::read_to_string(path.join("mountinfo"))
            {
                mounts.add(&text);
            }
        }
        Ok(mounts)
    }

    /// Takes the overlays from a text in the form of proc_pid_mountinfo(5).
    fn add(&mut self, text: &str) {
        let overlays = text.lines().filter_map(|line| {
            let (_, filesystem) = line.split_once(" - ")?;
            filesystem.strip_prefix("overlay ")
        });
        self.options.extend(overlays.map(str::to_owned));
    }

    /// Whether a layer with this name may be mounted.
    ///
    /// Mounts by the numbers of descriptors ([`HeldLayers`](super::HeldLayers)) do not say which layers
    /// they have: any.
    pub(super) fn may_have(&self, name: &str) -> bool {
        self.options
            .iter()
            .any(|options| options.contains(name) || options.contains("/proc/self/fd/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_are_told_from_other_mounts() {
        let mut mounts = Mounts { options: Vec::new() };
        mounts.add(
            "1 0 0:1 / / rw - ext4 /dev/x rw,lowerdir=/s/one\n\
             2 0 0:2 / /m rw shared:1 - overlay o\\040v rw,lowerdir=/s/two:/s/three,upperdir=/u\n\
             torn",
        );
        assert_eq!(["one", "two", "three"].map(|name| mounts.may_have(name)), [false, true, true]);
        mounts.add("3 0 0:3 / /n rw - overlay none rw,lowerdir=/proc/self/fd/7,upperdir=/u\n");
        assert!(mounts.may_have("one"));
    }
}
