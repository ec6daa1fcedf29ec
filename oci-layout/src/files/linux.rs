use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{self, AtFlags, CWD};

pub(super) fn reflink(file: &File, source: &File) -> rustix::io::Result<()> {
    fs::ioctl_ficlone(file, source)
}

/// By `/proc`: links the file that was opened, whatever has its name now. linkat with AT_EMPTY_PATH does the same and
/// needs CAP_DAC_READ_SEARCH.
pub(super) fn link(source: &File, parent: BorrowedFd<'_>, name: &str) -> rustix::io::Result<()> {
    let source = format!("/proc/self/fd/{}", source.as_raw_fd());
    fs::linkat(CWD, source, parent, name, AtFlags::SYMLINK_FOLLOW)
}
