use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use oci_image::reference::RegistryName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::auth::Authority;
use crate::error::{Error, ErrorKind};
use crate::origin::{self, Origin};

/// One registry: where it is, and how it is logged in to.
#[derive(Debug)]
pub(crate) struct Registry {
    /// As in the names of images.
    pub(crate) name: RegistryName,
    pub(crate) base: Url,
    pub(crate) origin: Origin,
    pub(crate) authority: Authority,
    /// When it may be asked again, if it is a mirror that was out of reach.
    rests_until: Mutex<Option<Instant>>,
    /// Those that pulls may have at once.
    connections: Arc<Semaphore>,
    /// Whether it was seen to refuse a change because of the condition on it.
    compares: AtomicBool,
}

impl Registry {
    /// The registry `name`, asked over `scheme`. Tokens of the servers in `allowed` are taken although
    /// they are asked over http. Pulls have at most `connections` to it at once.
    pub(crate) fn new(
        name: RegistryName,
        scheme: &str,
        allowed: Vec<Origin>,
        connections: usize,
    ) -> Result<Self, Error> {
        let base = origin::base(scheme, &name).and_then(|base| Some((Origin::of(&base)?, base)));
        let (origin, base) = base.ok_or_else(|| {
            Error::new(ErrorKind::Configuration, format!("use the registry `{name}`"))
                .because("its host cannot stand in a URL")
        })?;
        let authority = Authority::new(name.clone(), origin.clone(), allowed);
        Ok(Self {
            name,
            base,
            origin,
            authority,
            rests_until: Mutex::default(),
            connections: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
            compares: AtomicBool::new(false),
        })
    }

    /// Whether it is known to make a change only where the condition on it holds.
    pub(crate) fn compares(&self) -> bool {
        self.compares.load(Ordering::Relaxed)
    }

    pub(crate) fn note_comparison(&self) {
        self.compares.store(true, Ordering::Relaxed);
    }

    /// Waits for one of the connections that pulls may have at once.
    pub(crate) async fn connection(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.connections).acquire_owned().await.ok()
    }

    pub(crate) fn is_in_reach(&self, now: Instant) -> bool {
        self.rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none_or(|until| until <= now)
    }

    pub(crate) fn rest_until(&self, until: Instant) {
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}
