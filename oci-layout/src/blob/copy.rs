//! Copies from another directory of blobs, without writing the bytes again where the filesystem can share them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;

use oci_image::Descriptor;
use oci_image::oci_digest::VerifyReader;
use rustix::io::Errno;

use super::Blobs;
use crate::session::{Session, Temporary};

impl Blobs {
    /// Begins to copy a blob of `source`.
    pub(crate) fn begin_copy(&self, source: &Self, blob: &Descriptor) -> io::Result<Begun> {
        let Some(session) = self.begin(blob)? else { return Ok(Begun::Here) };
        let Some(file) = source.file(blob)? else { return Ok(Begun::Missing) };
        let copy = share(&session, file)?;
        Ok(Begun::Copying(VerifyReader::new(copy, &blob.digest, blob.size)?))
    }

    /// Stores a copy that was read through and verified.
    pub(crate) fn end_copy(&self, copy: Copy, blob: &Descriptor) -> io::Result<()> {
        self.commit(copy.temporary, &blob.digest)
    }
}

/// What is to be done for a copy of a blob.
pub(crate) enum Begun {
    /// Nothing: the blob is here.
    Here,
    /// Nothing can be done: the source does not have it.
    Missing,
    /// It is to be read through.
    Copying(VerifyReader<Copy>),
}

/// A temporary that has the content of the source once it has been read through.
pub(crate) struct Copy {
    temporary: Temporary,
    /// Where it comes from, unless both files share it.
    source: Option<File>,
}

impl Read for Copy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(source) = &mut self.source else {
            // The file that is committed is read, not that of the source, which may have been replaced meanwhile.
            return self.temporary.file().read(buffer);
        };
        let length = source.read(buffer)?;
        self.temporary.write_all(buffer.get(..length).unwrap_or_default())?;
        Ok(length)
    }
}

/// Takes the content of `source`, unverified and without copying it, or leaves it to be copied.
///
/// By a reflink if possible: then each layout has a file of its own, and damage to one of them in place does not affect
/// the other. By a hard link otherwise, if owner, group and mode of the file are those of a file made here: otherwise users
/// might write to the blob, or not be able to read it, who could not or could if it was made here.
fn share(session: &Session, source: File) -> io::Result<Copy> {
    let temporary = session.temporary()?;
    if done(temporary.reflink(&source))?.is_some() {
        return Ok(Copy { temporary, source: None });
    }
    if access(temporary.file())? == access(&source)?
        && let Some(temporary) = done(session.link(&source))?
    {
        return Ok(Copy { temporary, source: None });
    }
    Ok(Copy { temporary, source: Some(source) })
}

/// Who may do what with a file.
fn access(file: &File) -> io::Result<(u32, u32, u32)> {
    let metadata = file.metadata()?;
    Ok((metadata.uid(), metadata.gid(), metadata.mode()))
}

/// The errors by which filesystems say that they cannot or may not share these two files.
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
