use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

pub(super) fn reflink(_file: &File, _source: &File) -> rustix::io::Result<()> {
    Err(Errno::OPNOTSUPP)
}

pub(super) fn link(_source: &File, _parent: BorrowedFd<'_>, _name: &str) -> rustix::io::Result<()> {
    Err(Errno::OPNOTSUPP)
}
