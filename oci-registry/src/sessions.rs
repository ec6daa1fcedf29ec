//! Uploads that are not complete.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{HeaderValue, header};
use oci_digest::{Algorithm, Digest, HashWriter};
use oci_image::RepositoryName;
use oci_image::distribution::ErrorCode;
use uuid::Uuid;

use crate::Limits;
use crate::refusal::Refusal;
use crate::store::{Stage, Store};
use crate::trace;

/// The open sessions of a registry. They end with it: what they hold was never acknowledged as a blob.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Uuid, Arc<Session>>>);

/// One session, of one repository.
pub(crate) struct Session {
    repository: RepositoryName,
    used: Mutex<Instant>,
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
        store: &Store,
        repository: RepositoryName,
        algorithm: Algorithm,
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
        if sessions.len() >= limits.uploads {
            return Err(Refusal::new(ErrorCode::TooManyRequests, "too many uploads are open")
                .header(header::RETRY_AFTER, HeaderValue::from_static("10")));
        }
        let upload = Upload::new(store, algorithm)?;
        let session = Session {
            repository,
            used: Mutex::new(Instant::now()),
            upload: Arc::new(tokio::sync::Mutex::new(Some(upload))),
        };
        let id = Uuid::new_v4();
        sessions.insert(id, Arc::new(session));
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
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    pub(crate) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_over(&self, limits: &Limits) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.elapsed() >= limits.upload_age
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
