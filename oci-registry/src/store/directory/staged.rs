use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::RepositoryName;

use super::super::{Blob, BoxFuture, Content, PIECE, Stage};
use super::backend::blocking;
use super::change::Change;
use super::path;
use super::root::{Root, touch};

/// A file that has no name in the store yet.
pub(super) struct Staged {
    /// Open while it is written.
    file: Option<File>,
    /// It has a name.
    is_made: bool,
    size: u64,
    pub(super) path: PathBuf,
    root: Arc<Root>,
    /// It stays when this is dropped.
    is_session: bool,
}

impl Staged {
    /// One that leaves no trace when it is dropped.
    pub(super) fn temporary(root: Arc<Root>) -> Self {
        Self {
            file: None,
            is_made: false,
            size: 0,
            path: root.temporary(),
            root,
            is_session: false,
        }
    }

    /// That of a new session.
    pub(super) fn session(root: Arc<Root>, path: PathBuf) -> Self {
        Self { file: None, is_made: false, size: 0, path, root, is_session: true }
    }

    /// That of a session of which `size` bytes are there.
    pub(super) fn resumed(root: Arc<Root>, path: PathBuf, size: u64) -> Self {
        Self { file: None, is_made: true, size, path, root, is_session: true }
    }

    /// The file, to be written at its end.
    pub(super) fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.read(true).append(true).create_new(!self.is_made).open(&self.path)?
            }
        };
        self.is_made = true;
        Ok(self.file.insert(file))
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Runs `work` where waiting is allowed, on what is this meanwhile.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let nothing = Self::resumed(self.root.clone(), self.path.clone(), self.size);
        let mut staged = std::mem::replace(self, nothing);
        let (staged, result) = blocking(move || {
            let result = work(&mut staged);
            Ok((staged, result))
        })
        .await?;
        *self = staged;
        result
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_session {
            // After a commit nothing has this name; a file that stays is removed by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Stage for Staged {
    fn size(&mut self) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(std::future::ready(Ok(self.size)))
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.run(move |staged| staged.append(&bytes)))
    }

    fn settle(&mut self) -> BoxFuture<'_, io::Result<()>> {
        self.file = None;
        Box::pin(std::future::ready(Ok(())))
    }

    fn content(&mut self) -> BoxFuture<'_, io::Result<Blob>> {
        Box::pin(self.run(|staged| {
            let file = staged.file()?.try_clone()?;
            Ok(Blob::new(staged.size, SystemTime::now(), OnDisk(Arc::new(file))))
        }))
    }

    fn commit<'a>(
        mut self: Box<Self>,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<()>> {
        let (name, digest) = (name.clone(), digest.clone());
        Box::pin(blocking(move || {
            // Whatever fails, the session has ended.
            self.is_session = false;
            let file = self.file()?;
            touch(file)?;
            file.sync_all()?;
            let _changing = self.root.changing(&name);
            let mut change = Change::new(&self.root);
            change.place(&self.path, path::blob(&self.root.path, &name, &digest))?;
            change.keep();
            Ok(())
        }))
    }

    fn discard(mut self: Box<Self>) -> BoxFuture<'static, io::Result<()>> {
        self.is_session = false;
        Box::pin(blocking(move || {
            drop(self);
            Ok(())
        }))
    }
}

/// An open file keeps its content when its name is removed.
pub(super) struct OnDisk(pub(super) Arc<File>);

impl Content for OnDisk {
    fn read(&mut self, range: Range<u64>) -> BoxFuture<'_, io::Result<Bytes>> {
        let file = self.0.clone();
        let length = (range.end - range.start).min(PIECE as u64) as usize;
        Box::pin(blocking(move || {
            // One blob is read by one response, so its position is not shared.
            let mut file = &*file;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        }))
    }
}
