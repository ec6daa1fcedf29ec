//! What becomes of a copy where the filesystem cannot share files, or fails to.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use oci_image::Descriptor;
use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use rustix::io::Errno;

use super::limited::LimitedDisk;
use crate::{Error, Layout, LayoutOptions};

const UNABLE: [Errno; 5] = [Errno::XDEV, Errno::PERM, Errno::OPNOTSUPP, Errno::MLINK, Errno::INVAL];

/// A layout with a blob, and a directory in the same filesystem for another.
struct Pair {
    directory: tempfile::TempDir,
    source: Layout,
    blob: Descriptor,
}

impl Pair {
    fn new() -> Self {
        let directory = super::directory();
        let source = Layout::create(directory.path().join("source")).unwrap();
        let blob = Descriptor::empty_json();
        source.put(&blob, b"{}").unwrap();
        std::fs::create_dir(directory.path().join("target")).unwrap();
        Self { directory, source, blob }
    }

    fn target(&self) -> std::path::PathBuf {
        self.directory.path().join("target")
    }

    fn copy(&self, files: LimitedDisk) -> Result<(), Error> {
        let target = LayoutOptions::new().create_in(&self.target(), Arc::new(files))?;
        target.copy_from(&self.source, &self.blob)?.add()?;
        assert_eq!(target.read(&self.blob, 2).unwrap(), b"{}");
        Ok(())
    }

    fn names(&self) -> u64 {
        let path = self.source.path().join(self.source.blobs().path(&self.blob.digest));
        std::fs::metadata(path).unwrap().nlink()
    }
}

#[test]
fn where_there_are_no_reflinks_there_are_hard_links() {
    for errno in UNABLE {
        let pair = Pair::new();
        pair.copy(LimitedDisk::new(&pair.target()).reflink(errno)).unwrap();
        assert_eq!(pair.names(), 2);
    }
}

#[test]
fn where_there_are_no_hard_links_either_bytes_are_copied() {
    for errno in UNABLE {
        let pair = Pair::new();
        pair.copy(LimitedDisk::new(&pair.target()).reflink(errno).link(errno)).unwrap();
        assert_eq!(pair.names(), 1);
        assert_eq!(unfinished(&pair.target()), 0);
    }
}

#[test]
fn a_disk_that_fails_to_share_is_not_asked_to_copy() {
    let (pair, io) = (Pair::new(), Errno::IO);
    let limited = || LimitedDisk::new(&pair.target());
    for files in [limited().reflink(io), limited().reflink(Errno::XDEV).link(io)] {
        assert_eq!(pair.copy(files).unwrap_err().kind(), crate::ErrorKind::Io);
        assert_eq!(unfinished(&pair.target()), 0);
        assert_eq!(
            Layout::open(pair.target()).unwrap().blobs().size(&pair.blob.digest).unwrap(),
            None
        );
    }
}

/// As when two processes copy one blob at a time: a rename over a link of the same file does nothing.
#[test]
fn a_link_over_a_link_leaves_nothing_behind() {
    let pair = Pair::new();
    pair.copy(LimitedDisk::new(&pair.target()).reflink(Errno::XDEV)).unwrap();
    let target = Layout::open(pair.target()).unwrap();
    let path = target.blobs().path(&pair.blob.digest);
    let file = pair.source.files().open(&path).unwrap();
    let link = target.session().unwrap().link(&file).unwrap();
    link.keep(&path, crate::Durability::Synced).unwrap();
    assert_eq!(pair.names(), 2);
    assert_eq!(unfinished(&pair.target()), 0);
}

/// The number of files under way.
fn unfinished(layout: &Path) -> usize {
    let files = std::fs::read_dir(layout.join(crate::lock::WORK)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains('.')).count()
}
