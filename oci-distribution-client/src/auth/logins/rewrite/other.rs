use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

pub(super) fn lock(_directory: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn sync(_directory: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

pub(super) fn owned_alone(_options: &mut OpenOptions) {}

pub(super) fn keep_owner(_path: &Path, _new: &File) -> io::Result<()> {
    Ok(())
}
