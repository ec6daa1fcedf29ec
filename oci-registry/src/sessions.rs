//! Uploads that are not complete.

use std::io::{self, BufWriter, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, header};
use oci_digest::{Algorithm, Digest, HashWriter};
use oci_image::RepositoryName;
use oci_image::distribution::ErrorCode;
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use crate::Limits;
use crate::places::{Owner, Places};
use crate::refusal::Refusal;
use crate::store::{Stage, Store};
use crate::trace;

/// The open sessions of a registry. They end with it: what they hold was never acknowledged as a blob.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Open>);

type Open = Places<Uuid, Arc<Session>>;

/// One session, of one repository.
pub(crate) struct Session {
    repository: RepositoryName,
    used: Mutex<Instant>,
    /// How many requests wait for the one that writes.
    waiting: watch::Sender<usize>,
    /// Empty once it is committed. Held by the one request that writes.
    pub(crate) upload: Arc<tokio::sync::Mutex<Option<Upload>>>,
}

/// What was received so far.
pub(crate) struct Upload {
    content: HashWriter<Box<dyn Stage>>,
    /// The last chunk was under the minimum, so it must have been the last of all.
    pub(crate) ended: bool,
}

impl Sessions {
    /// Opens a session for blobs of this algorithm.
    pub(crate) fn begin(
        &self,
        upload: Upload,
        repository: RepositoryName,
        owner: &Owner,
        limits: &Limits,
    ) -> Result<Uuid, Refusal> {
        let mut sessions = self.lock();
        sessions.retain(|id, session| {
            let is_over = session.is_over(limits);
            if is_over {
                trace::upload_ended(*id);
            }
            !is_over
        });
        make_room(&mut sessions, owner, limits)?;
        let session = Session {
            repository,
            used: Mutex::new(Instant::now()),
            waiting: watch::Sender::new(0),
            upload: Arc::new(tokio::sync::Mutex::new(Some(upload))),
        };
        let id = Uuid::new_v4();
        sessions.insert(owner.clone(), id, Arc::new(session));
        Ok(id)
    }

    /// The session, if it is one of this repository.
    pub(crate) fn find(
        &self,
        repository: &RepositoryName,
        id: Uuid,
        limits: &Limits,
    ) -> Result<Arc<Session>, Refusal> {
        let mut sessions = self.lock();
        let session = sessions.get(&id).filter(|session| session.repository == *repository);
        let session = session.cloned().ok_or_else(|| unknown(id))?;
        if session.is_over(limits) {
            trace::upload_ended(id);
            sessions.remove(&id);
            return Err(unknown(id));
        }
        session.touch();
        Ok(session)
    }

    pub(crate) fn end(&self, id: Uuid) {
        trace::upload_ended(id);
        self.lock().remove(&id);
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Each change of the map is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up sessions that nothing is written to, so that there is a place for one more.
fn make_room(sessions: &mut Open, owner: &Owner, limits: &Limits) -> Result<(), Refusal> {
    loop {
        let first = if sessions.count(owner) >= limits.client_uploads {
            sessions.first_to_go_of(owner, |session| session.is_idle())
        } else if sessions.len() >= limits.uploads {
            sessions.first_to_go(|session| session.is_idle())
        } else {
            return Ok(());
        };
        let Some(id) = first else {
            return Err(Refusal::new(ErrorCode::TooManyRequests, "too many uploads are open")
                .header(header::RETRY_AFTER, HeaderValue::from_static("10")));
        };
        trace::upload_ended(id);
        sessions.remove(&id);
    }
}

impl Session {
    pub(crate) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_idle(&self) -> bool {
        self.upload.try_lock().is_ok()
    }

    /// Waits until no other request holds the upload.
    pub(crate) async fn hold(&self) -> OwnedMutexGuard<Option<Upload>> {
        self.waiting.send_modify(|waiting| *waiting += 1);
        let waits = Waits(&self.waiting);
        let upload = self.upload.clone().lock_owned().await;
        drop(waits);
        upload
    }

    /// Ends when another request has waited for the upload for this long.
    pub(crate) async fn contended(&self, time: Duration) {
        // The sender is this session's own, so it does not end before.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting > 0).await;
        tokio::time::sleep(time).await;
    }

    fn is_over(&self, limits: &Limits) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.elapsed() >= limits.upload_age
    }
}

struct Waits<'a>(&'a watch::Sender<usize>);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

pub(crate) fn unknown(id: Uuid) -> Refusal {
    Refusal::new(ErrorCode::BlobUploadUnknown, format!("no upload `{id}` is open here"))
}

impl Upload {
    pub(crate) fn new(store: &Store, algorithm: Algorithm) -> io::Result<Self> {
        let content = HashWriter::new(store.backend().stage()?, algorithm);
        Ok(Self { content, ended: false })
    }

    /// Holds no descriptor until more is written.
    pub(crate) fn close(&mut self) {
        self.content.get_mut().close();
    }

    /// The number of bytes received.
    pub(crate) fn size(&self) -> u64 {
        self.content.written()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.content.write_all(bytes)
    }

    /// Makes it the blob `digest`, if it has this digest.
    pub(crate) fn commit(
        self,
        repository: &RepositoryName,
        digest: &Digest,
        algorithm: Algorithm,
    ) -> Result<(), Refusal> {
        let (mut stage, mut actual, _) = self.content.finish();
        if actual.algorithm() != Some(algorithm) {
            // The client did not say at the start which algorithm it would use: hash once more.
            actual = hash(stage.reread()?, algorithm)?;
        }
        if actual != *digest {
            let message = format!("the content has digest `{actual}`, not `{digest}`");
            return Err(Refusal::new(ErrorCode::DigestInvalid, message));
        }
        Ok(stage.commit(repository, digest)?)
    }
}

fn hash(mut content: impl Read, algorithm: Algorithm) -> io::Result<Digest> {
    let mut hash = BufWriter::with_capacity(PIECE, HashWriter::new(io::sink(), algorithm));
    io::copy(&mut content, &mut hash)?;
    let hash = hash.into_inner().map_err(|failed| failed.into_error())?;
    Ok(hash.finish().1)
}

/// How much is hashed at once, in bytes.
const PIECE: usize = 256 << 10;
