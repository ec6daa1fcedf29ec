use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header;
use http_body_util::BodyExt as _;
use oci_digest::{Digest, HashWriter};
use oci_image::distribution::ErrorCode;
use oci_image::{Descriptor, RepositoryName};
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::{Body, Registry};

/// What is on its way from other registries.
#[derive(Default)]
pub(super) struct Downloads {
    running: Mutex<HashMap<(RepositoryName, Digest), Arc<Download>>>,
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// A blob that arrives: one download for all that ask for it.
pub(super) struct Download {
    size: u64,
    file: File,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    /// How many bytes may be read: the last is there only once all are verified, so that nobody takes the wrong content
    /// for the right one.
    available: u64,
    has_failed: bool,
}

/// How much is read and written at a time, in bytes.
const PIECE: u64 = 256 << 10;

impl Downloads {
    /// Waits until nobody else begins the same.
    pub(super) async fn turn(&self, key: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            match turns.get(key).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::new(tokio::sync::Mutex::new(()));
                    turns.insert(key.to_owned(), Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.lock_owned().await
    }

    pub(super) fn running(&self, name: &RepositoryName, digest: &Digest) -> Option<Arc<Download>> {
        self.lock().get(&(name.clone(), digest.clone())).cloned()
    }

    /// Each change of the map is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<(RepositoryName, Digest), Arc<Download>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Begins to download a blob. It goes on when the one who asked for it is gone: others may want it.
    pub(super) fn download(
        &self,
        name: RepositoryName,
        blob: Descriptor,
        body: Body,
    ) -> Result<Arc<Download>, Refusal> {
        let downloads = &self.0.proxy.downloads;
        if downloads.lock().len() >= self.0.limits.downloads {
            return Err(Refusal::new(
                ErrorCode::TooManyRequests,
                "too many blobs are on their way",
            )
            .header(header::RETRY_AFTER, http::HeaderValue::from_static("10")));
        }
        let state = State { available: 0, has_failed: false };
        let state = watch::Sender::new(state);
        let download = Arc::new(Download { size: blob.size, file: spool()?, state });
        let key = (name, blob.digest);
        downloads.lock().insert(key.clone(), download.clone());
        let (registry, begun) = (self.clone(), download.clone());
        tokio::spawn(async move {
            let (name, digest) = &key;
            let mut result = begun.receive(body, digest).await;
            if result.is_ok() {
                result = match registry.put_blob(name, digest, begun.clone().body()).await {
                    Err(Refusal::Store(error)) => Err(error),
                    // Those that wait for it have it already.
                    _ => Ok(()),
                };
            }
            if let Err(error) = result {
                begun.state.send_modify(|state| state.has_failed = true);
                registry.0.on_error.iter().for_each(|on_error| on_error(&error));
            }
            registry.0.proxy.downloads.lock().remove(&key);
        });
        Ok(download)
    }
}

impl Download {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Its content, as far as it is there, and then as it arrives.
    pub(super) fn body(self: Arc<Self>) -> Body {
        Body::stream(stream::try_unfold((self, 0), |(download, first)| async move {
            if first == download.size {
                return Ok(None);
            }
            let mut states = download.state.subscribe();
            let state = states.wait_for(|state| state.available > first || state.has_failed).await;
            let available = state.map_or(0, |state| state.available);
            if available <= first {
                return Err(io::Error::other("the registry did not send all of the blob"));
            }
            drop(states);
            let length = PIECE.min(available - first);
            let reading = download.clone();
            let piece = tokio::task::spawn_blocking(move || reading.read(first, length)).await??;
            Ok(Some((piece, (download, first + length))))
        }))
    }

    fn read(&self, first: u64, length: u64) -> io::Result<Bytes> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut piece = BytesMut::zeroed(length);
        self.file.read_exact_at(&mut piece, first)?;
        Ok(piece.freeze())
    }

    /// Takes the content, and verifies it.
    async fn receive(self: &Arc<Self>, mut body: Body, digest: &Digest) -> io::Result<()> {
        let wrong = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
        let algorithm = digest.algorithm().ok_or_else(|| wrong("the digest cannot be verified"))?;
        let mut content = HashWriter::new(io::sink(), algorithm);
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame?.into_data() else { continue };
            let first = content.written();
            if piece.len() as u64 > self.size - first {
                return Err(wrong("the registry sent more than the size of the blob"));
            }
            let download = self.clone();
            let write = move || {
                download.file.write_all_at(&piece, first)?;
                io::Write::write_all(&mut content, &piece)?;
                Ok::<_, io::Error>(content)
            };
            content = tokio::task::spawn_blocking(write).await??;
            let available = content.written().min(self.size.saturating_sub(1));
            self.state.send_modify(|state| state.available = available);
        }
        if content.written() < self.size {
            return Err(wrong("the registry did not send all of the blob"));
        }
        if content.finish().1 != *digest {
            return Err(wrong("the registry sent other content than the digest names"));
        }
        self.state.send_modify(|state| state.available = self.size);
        Ok(())
    }
}

/// A file that is gone when it is closed, for its owner alone.
fn spool() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("oci-registry-{}", Uuid::new_v4()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
