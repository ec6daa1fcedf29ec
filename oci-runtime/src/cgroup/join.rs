//! Moving one more process beside those of a container.

use std::path::{Component, Path, PathBuf};

use super::{Cgroup, CgroupError, Group, PROCS, write};

impl Cgroup {
    /// Moves a process into the cgroups, beside `first`, the first process of the container.
    ///
    /// A container may enable controllers for cgroups that it makes beneath its own, as systemd does. Then the kernel
    /// answers `EBUSY` to a process that is to enter the cgroup itself (cgroup v2, "no internal processes"), and the
    /// process goes where the container has put its first.
    pub(crate) fn join(&self, pid: i32, first: i32) -> Result<(), CgroupError> {
        self.groups.iter().try_for_each(|group| {
            let entered = group.enter(pid);
            match entered {
                Err(error) if group.is_unified() && is_busy(&error) => {
                    let text = std::fs::read_to_string(format!("/proc/{first}/cgroup"));
                    match beneath(group, &text.unwrap_or_default()) {
                        Some(directory) => write(&directory.join(PROCS), &pid.to_string()),
                        None => Err(error),
                    }
                }
                entered => entered,
            }
        })
    }
}

fn is_busy(error: &CgroupError) -> bool {
    error.source.raw_os_error() == Some(libc::EBUSY)
}

/// The cgroup beneath `group` that a process is in, by its file `cgroup`. None: it is elsewhere.
///
/// The container chooses this path. Without the check for plain components, `/..` in it (as the kernel writes for a
/// process outside of a cgroup namespace) would lead out of the container's cgroup.
fn beneath(group: &Group, text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let directory = group.mount.join(path);
    let is_beneath = directory.starts_with(&group.directory) && directory != group.directory;
    (is_plain && is_beneath).then_some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_beneath_its_cgroup_and_nowhere_else() {
        let group = Group {
            controllers: Vec::new(),
            mount: "/sys/fs/cgroup".into(),
            directory: "/sys/fs/cgroup/pod/web".into(),
        };
        for (text, expected) in [
            ("0::/pod/web/init.scope\n", Some("/sys/fs/cgroup/pod/web/init.scope")),
            ("4:memory:/pod/web/a\n0::/pod/web/b/c\n", Some("/sys/fs/cgroup/pod/web/b/c")),
            ("0::/pod/web\n", None),
            ("0::/pod/web2/x\n", None),
            ("0::/\n", None),
            ("0::/../pod/web/x\n", None),
            ("0::/pod/web/../../x\n", None),
            ("0:://etc\n", None),
            ("4:memory:/pod/web/a\n", None),
            ("", None),
        ] {
            assert_eq!(beneath(&group, text).as_deref(), expected.map(Path::new), "{text}");
        }
    }
}
