//! Uploads that are not complete.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, header};
use oci_image::RepositoryName;
use oci_image::distribution::ErrorCode;
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use crate::Limits;
use crate::places::{Owner, Places};
use crate::refusal::Refusal;
use crate::store::Session as Key;
use crate::trace;
use crate::upload::Upload;

/// The sessions that this process uses. What they received is in the store, and may outlive them.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<Open>,
    /// When it was last looked for what is too old.
    expired: Mutex<Option<Instant>>,
}

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

/// Sessions that were given up, for their content to be removed.
pub(crate) type Ended = Vec<Arc<Session>>;

/// Why a session was not kept, and what is to be removed of it.
pub(crate) type NotInserted = Box<(Refusal, Upload)>;

impl Sessions {
    /// Keeps a session, and gives up others for it.
    pub(crate) fn insert(
        &self,
        key: &Key,
        upload: Upload,
        owner: &Owner,
        limits: &Limits,
    ) -> Result<(Arc<Session>, Ended), NotInserted> {
        let mut sessions = self.lock();
        // Two requests may resume one session at a time.
        if let Some(session) = sessions.get(&key.id) {
            return Ok((session.clone(), Vec::new()));
        }
        let mut ended = sessions.remove_all(|id, session| {
            let is_over = session.is_over(limits);
            if is_over {
                trace::upload_ended(*id);
            }
            is_over
        });
        if let Err(refusal) = make_room(&mut sessions, owner, limits, &mut ended) {
            return Err(Box::new((refusal, upload)));
        }
        let session = Arc::new(Session {
            repository: key.repository.clone(),
            used: Mutex::new(Instant::now()),
            waiting: watch::Sender::new(0),
            upload: Arc::new(tokio::sync::Mutex::new(Some(upload))),
        });
        sessions.insert(owner.clone(), key.id, session.clone());
        Ok((session, ended))
    }

    /// The session, if it is one of this repository that this process knows.
    pub(crate) fn find(&self, key: &Key, limits: &Limits) -> Option<Arc<Session>> {
        let mut sessions = self.lock();
        let session = sessions.get(&key.id)?.clone();
        if session.repository != key.repository {
            return None;
        }
        if session.is_over(limits) {
            // Another process may have used it since; if so, it is resumed.
            sessions.remove(&key.id);
            return None;
        }
        session.touch();
        Some(session)
    }

    pub(crate) fn end(&self, id: Uuid) {
        trace::upload_ended(id);
        self.lock().remove(&id);
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Whether it is time to look for what sessions of earlier processes left; once for each such time.
    pub(crate) fn is_time_to_expire(&self, limits: &Limits) -> bool {
        let mut last = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| last.elapsed() >= limits.upload_age);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }

    /// Each change of the map is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up sessions that nothing is written to, so that there is a place for one more.
fn make_room(
    sessions: &mut Open,
    owner: &Owner,
    limits: &Limits,
    ended: &mut Ended,
) -> Result<(), Refusal> {
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
        ended.extend(sessions.remove(&id));
    }
}

impl Session {
    pub(crate) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Removes what it received, when no request holds it.
    pub(crate) async fn discard(&self) -> std::io::Result<()> {
        match self.hold().await.take() {
            Some(upload) => upload.discard().await,
            None => Ok(()),
        }
    }

    fn is_idle(&self) -> bool {
        self.upload.try_lock().is_ok()
    }

    /// Waits until no other request holds the upload.
    pub(crate) async fn hold(&self) -> Held {
        self.waiting.send_modify(|waiting| *waiting += 1);
        let waits = Waits(&self.waiting);
        let upload = self.upload.clone().lock_owned().await;
        drop(waits);
        Held(Some(upload))
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

/// The upload of a session, held by one request.
pub(crate) struct Held(Option<OwnedMutexGuard<Option<Upload>>>);

impl Held {
    /// One that no session has.
    pub(crate) async fn alone(upload: Upload) -> Self {
        Self(Some(Arc::new(tokio::sync::Mutex::new(Some(upload))).lock_owned().await))
    }

    pub(crate) fn get(&self) -> Option<&Upload> {
        self.0.as_ref()?.as_ref()
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut Upload> {
        self.0.as_mut()?.as_mut()
    }

    pub(crate) fn take(&mut self) -> Option<Upload> {
        self.0.as_mut()?.take()
    }

    pub(crate) fn put(&mut self, upload: Upload) {
        if let Some(held) = &mut self.0 {
            **held = Some(upload);
        }
    }
}

impl Drop for Held {
    /// A request that is dropped or refused has written what others may go on from.
    fn drop(&mut self) {
        let Some(mut held) = self.0.take() else { return };
        let runtime = tokio::runtime::Handle::try_current();
        if held.as_ref().is_some_and(Upload::is_unsettled)
            && let Ok(runtime) = runtime
        {
            runtime.spawn(async move {
                if let Some(upload) = held.as_mut() {
                    // The next request learns what is wrong with it.
                    let _ = upload.settle().await;
                }
            });
        }
    }
}
