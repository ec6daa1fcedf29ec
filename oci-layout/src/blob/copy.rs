//! Copies from another directory of blobs, without writing the bytes again where the filesystem can share them.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use oci_image::Descriptor;
use oci_image::oci_digest::VerifyWriter;
use rustix::io::Errno;

use super::{Blobs, each_chunk};
use crate::session::{Session, Temporary};

impl Blobs {
    /// Copies a blob of `source`. Says whether it is here now: `source` may not have it.
    pub(crate) fn copy(&self, source: &Self, blob: &Descriptor) -> io::Result<bool> {
        let Some(session) = self.begin(blob)? else { return Ok(true) };
        let Some(mut file) = source.file(blob)? else { return Ok(false) };
        let mut verifier = blob.verifier()?;
        let temporary = match share(&session, &file)? {
            Shared::Whole(temporary) => {
                // The file that is committed is read, not that of the source, which may have been replaced meanwhile.
                each_chunk(temporary.file(), |chunk| Ok(verifier.update(chunk)?))?;
                verifier.finish()?;
                temporary
            }
            Shared::Nothing(temporary) => {
                let mut content = VerifyWriter::resume(temporary, verifier);
                each_chunk(&mut file, |chunk| content.write_all(chunk))?;
                content.finish()?
            }
        };
        self.commit(temporary, &blob.digest)?;
        Ok(true)
    }
}

/// A temporary, and whether it has the content already.
enum Shared {
    Whole(Temporary),
    Nothing(Temporary),
}

/// Takes the content of `source`, unverified and without copying it. If it cannot, nothing was done.
///
/// By a reflink if possible: then each layout has a file of its own, and damage to one of them in place does not affect
/// the other. By a hard link otherwise, if owner, group and mode of the file are those of a file made here: otherwise users
/// might write to the blob, or not be able to read it, who could not or could if it was made here.
fn share(session: &Session, source: &File) -> io::Result<Shared> {
    let temporary = session.temporary()?;
    if done(temporary.reflink(source))?.is_some() {
        return Ok(Shared::Whole(temporary));
    }
    if access(temporary.file())? != access(source)? {
        return Ok(Shared::Nothing(temporary));
    }
    Ok(done(session.link(source))?.map_or(Shared::Nothing(temporary), Shared::Whole))
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
