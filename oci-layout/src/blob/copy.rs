//! Blobs that come from another directory of blobs, without a copy where the filesystem can.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use oci_image::Descriptor;
use oci_image::blob::BlobWriter;
use rustix::io::Errno;

use super::{Blobs, Writing, each_chunk, invalid};

impl Blobs {
    /// Takes over a blob of `source`. Says whether it is here now: `source` may not have it.
    pub(crate) fn copy(&self, source: &Self, blob: &Descriptor) -> io::Result<bool> {
        let Some(mut writing) = self.create(blob)? else { return Ok(true) };
        let Some(mut file) = source.file(blob)? else { return Ok(false) };
        if writing.share(&file)? {
            writing.read_back()?;
        } else {
            each_chunk(&mut file, |chunk| writing.write_all(chunk))?;
        }
        Box::new(writing).commit()?;
        Ok(true)
    }
}

impl Writing<'_> {
    /// Takes the content of `source`, unverified and without copying it. If it cannot, nothing was done.
    ///
    /// By a reflink if possible: then each layout has a file of its own, and what damages one of them
    /// in place leaves the other as it is. By a hard link otherwise, if the file is of the owner, group
    /// and mode of those made here: nobody may write to it or miss it who would not another one.
    fn share(&mut self, source: &File) -> io::Result<bool> {
        if done(self.temporary.reflink(source))?.is_some() {
            return Ok(true);
        }
        if access(self.temporary.file())? != access(source)? {
            return Ok(false);
        }
        let link = done(self.blobs.session.get()?.link(source))?;
        let linked = link.is_some();
        if let Some(link) = link {
            self.temporary = link;
        }
        Ok(linked)
    }

    /// Verifies what [`share`](Self::share) took: the file that is committed, not the one it came from.
    fn read_back(&mut self) -> io::Result<()> {
        let Self { temporary, verifier, .. } = self;
        each_chunk(temporary.file(), |chunk| verifier.update(chunk).map_err(invalid))
    }
}

/// Who may do what with a file.
fn access(file: &File) -> io::Result<(u32, u32, u32)> {
    let metadata = file.metadata()?;
    Ok((metadata.uid(), metadata.gid(), metadata.mode()))
}

/// What filesystems answer that cannot share these two files, or may not.
const CANNOT: &[Errno] = &[
    Errno::ACCESS,
    Errno::INVAL,
    Errno::MLINK,
    // The file has lost its last name, or there is no `/proc`.
    Errno::NOENT,
    Errno::NOSYS,
    Errno::NOTTY,
    Errno::OPNOTSUPP,
    Errno::PERM,
    Errno::TXTBSY,
    Errno::XDEV,
];

fn done<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if CANNOT.iter().any(|it| Some(it.raw_os_error()) == error.raw_os_error()) => {
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}
