//! Labels of security modules, as the files of a procfs and the attributes of files take them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use oci_rootfs::Root;
use rustix::fs::{Mode, OFlags, XattrFlags, fsetxattr, open as open_file, openat};

use super::error::{Context, StepError};
use super::{filesystem, paths};
use crate::sys;

/// The attribute of a file that SELinux reads.
const SELINUX: &str = "security.selinux";

/// Opens a file below `/proc/self` for a label, in a procfs that is mounted nowhere.
pub(crate) fn open(file: &str) -> Result<OwnedFd, StepError> {
    let proc = filesystem::create("proc", Some("proc"), &[])
        .and_then(|proc| Ok(Root::from_fd(proc, "/proc")?))
        .context(|| "make a procfs".into())?;
    open_in(&proc, file)
}

fn open_in(proc: &Root, file: &str) -> Result<OwnedFd, StepError> {
    // Not by `self`, which is a link.
    let path = format!("{}/{file}", rustix::process::getpid().as_raw_nonzero());
    paths::open_plain(proc, &path, OFlags::WRONLY)
}

/// Writes a label in one write: the kernel reads one from each.
pub(crate) fn write(file: BorrowedFd<'_>, label: &str) -> Result<(), StepError> {
    let written = rustix::io::write(file, label.as_bytes())?;
    if written == label.len() {
        return Ok(());
    }
    Err(StepError::new(format!("the kernel took {written} bytes of {}", label.len())))
}

/// Makes a session keyring with a label. What is made later has none again.
pub(crate) fn keyring(label: Option<&str>) -> Result<(), StepError> {
    let Some(label) = label else { return Ok(sys::keyring::new_session()?) };
    // Of the host: no namespace is made yet.
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = open_file("/proc/thread-self/attr/keycreate", flags, Mode::empty())
        .context(|| "open `/proc/thread-self/attr/keycreate`".into())?;
    write(file.as_fd(), label)?;
    sys::keyring::new_session()?;
    write(file.as_fd(), "")
}

/// Labels a directory of the container, which a filesystem is mounted on.
pub(crate) fn path(root: &Root, path: &str, label: &str) -> Result<(), StepError> {
    let found = paths::find_plain(root, path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(&found, ".", flags, Mode::empty())?;
    Ok(fsetxattr(directory, SELINUX, label.as_bytes(), XattrFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_label_is_written_once_to_the_file_of_this_process() {
        let proc = tempfile::tempdir().unwrap();
        let directory = proc.path().join(format!("{}/attr/apparmor", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let root = Root::from_fd(fs::File::open(proc.path()).unwrap().into(), proc.path()).unwrap();
        assert!(open_in(&root, "attr/apparmor/exec").is_err());
        fs::write(directory.join("exec"), "").unwrap();
        let file = open_in(&root, "attr/apparmor/exec").unwrap();
        write(file.as_fd(), "exec docker-default").unwrap();
        assert_eq!(fs::read_to_string(directory.join("exec")).unwrap(), "exec docker-default");
    }

    #[test]
    fn a_link_in_place_of_the_file_is_not_followed() {
        let proc = tempfile::tempdir().unwrap();
        let directory = proc.path().join(std::process::id().to_string());
        fs::create_dir_all(directory.join("else")).unwrap();
        fs::write(directory.join("else/exec"), "").unwrap();
        std::os::unix::fs::symlink("else", directory.join("attr")).unwrap();
        let root = Root::from_fd(fs::File::open(proc.path()).unwrap().into(), proc.path()).unwrap();
        assert!(open_in(&root, "attr/exec").is_err());
    }
}
