use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

mod backend;
mod change;
mod durable;
mod list;
mod path;
mod root;
mod staged;

use durable::make_directory;
use root::Root;

/// A file for each blob and each record.
///
/// ```text
/// .lock                                      held while it is open
/// uploads/UUID.SHA256                        an upload session, of the repository whose name has this digest
///         UUID                               not yet, or no longer, of the store; removed when it is opened
/// damaged/ENCODED.UUID                       what was found to be damaged, and is of no repository any more
/// repositories/NAME/_blobs/ALGORITHM/ENCODED
///                   _manifests/ALGORITHM/ENCODED          one line: media type; then the manifest
///                   _tags/TAG                             a digest
///                   _referrers/ALGORITHM/ENCODED/ALGORITHM:ENCODED   a descriptor
/// ```
///
/// A digest too long for a file name is `_long/` and the SHA-256 of its text in place of `ALGORITHM/ENCODED`.
///
/// No component of a name begins with an underscore, so repositories nest freely. A blob that is
/// mounted is a hard link, so that removing it here never removes it there. The time of modification is when
/// something was written or renewed.
#[derive(Clone, Debug)]
pub(super) struct Directory(Arc<Root>);

/// Why a directory cannot be a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Another process, or another store of this process, has it open.
    #[error("cannot open the store in `{}`: another process or store has it open", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be made or read.
    #[error("cannot open the store in `{}`", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, DirectoryError> {
        let failed = |source| DirectoryError::Io { path: path.into(), source };
        make_directory(path, &mut Vec::new()).map_err(failed)?;
        let lock = File::create(path.join(".lock")).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(DirectoryError::InUse { path: path.into() });
            }
            Err(error) => return Err(failed(error.into())),
        }
        clean(path).map_err(failed)?;
        Ok(Self(Arc::new(Root::new(path, lock))))
    }
}

/// Removes what an earlier process was writing, but for upload sessions.
fn clean(root: &Path) -> io::Result<()> {
    make_directory(&path::repositories(root), &mut Vec::new())?;
    make_directory(&path::uploads(root), &mut Vec::new())?;
    for upload in fs::read_dir(path::uploads(root))? {
        let upload = upload?.path();
        if upload.extension().is_none() {
            fs::remove_file(upload)?;
        }
    }
    Ok(())
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
