use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method};
use oci_image::distribution::Endpoint;
use oci_image::reference::RegistryName;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use crate::auth::Authority;
use crate::error::{Error, ErrorKind};
use crate::gate::Entry;
use crate::origin::{self, Origin};
use crate::route::{Protocol, Server};
use crate::transport::Body;
use crate::wire::{Exchange, Wire};

/// One registry: where it is, and how it is logged in to.
#[derive(Debug)]
pub(crate) struct Registry {
    /// As in the names of images.
    pub(crate) name: RegistryName,
    pub(crate) server: Server,
    pub(crate) base: Url,
    pub(crate) origin: Origin,
    /// How it is asked, if not as others are.
    wire: Option<Wire>,
    /// The origin over http of one that is asked as `insecure`, once it is known to speak only that.
    plain: OnceCell<Option<Origin>>,
    pub(crate) authority: Authority,
    /// When it may be asked again, if it is a mirror that was out of reach.
    rests_until: Mutex<Option<Instant>>,
    /// Those that pulls may have at once.
    connections: Arc<Semaphore>,
    /// Whether it was seen to refuse a change because of the condition on it.
    compares: AtomicBool,
    /// Whether it was seen not to set the tags of a push by digest.
    ignores_tags: AtomicBool,
    /// Whether it was seen not to take a blob with a single `POST`.
    ignores_single_posts: AtomicBool,
}

impl Registry {
    /// The registry on `server`, asked by `wire` if not as others are. Tokens of the servers in `allowed` are taken
    /// although they are asked over http. Pulls have at most `connections` to it at once.
    pub(crate) fn new(
        server: Server,
        wire: Option<Wire>,
        allowed: Vec<Origin>,
        connections: usize,
    ) -> Result<Self, Error> {
        let name = server.host.clone();
        let scheme = match server.protocol {
            Protocol::Http => "http",
            Protocol::Https | Protocol::Insecure => "https",
        };
        let base = origin::base(scheme, &name).and_then(|base| Some((Origin::of(&base)?, base)));
        let (origin, base) = base.ok_or_else(|| {
            Error::new(ErrorKind::Configuration, format!("use the registry `{name}`"))
                .because("its host cannot stand in a URL")
        })?;
        // Whoever speaks http may name itself as its token server over that.
        let own = match server.protocol {
            Protocol::Insecure => Origin::plain(&name).unwrap_or_else(|| origin.clone()),
            Protocol::Http | Protocol::Https => origin.clone(),
        };
        let authority = Authority::new(name.clone(), own, allowed);
        Ok(Self {
            name,
            server,
            base,
            origin,
            wire,
            plain: OnceCell::new(),
            authority,
            rests_until: Mutex::default(),
            connections: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
            compares: AtomicBool::new(false),
            ignores_tags: AtomicBool::new(false),
            ignores_single_posts: AtomicBool::new(false),
        })
    }

    /// The URL of an endpoint.
    pub(crate) fn url(&self, endpoint: &Endpoint) -> Url {
        let path = endpoint.to_string();
        let mut url = self.base.clone();
        match (&self.server.root, path.strip_prefix("/v2")) {
            (Some(root), Some(rest)) => url.set_path(&format!("{root}{rest}")),
            _ => url.set_path(&path),
        }
        url
    }

    /// By what it is asked, where others are asked by `usual`.
    pub(crate) fn wire<'a>(&'a self, usual: &'a Wire) -> &'a Wire {
        self.wire.as_ref().unwrap_or(usual)
    }

    /// What is sent to it alone.
    pub(crate) fn headers(&self) -> Option<&HeaderMap> {
        self.server.extra.as_ref().map(|extra| &extra.headers)
    }

    /// Whether `url` is of the registry itself.
    pub(crate) fn has(&self, url: &Url) -> bool {
        let origin = Origin::of(url);
        let plain = self.plain.get().and_then(Option::as_ref);
        origin.as_ref() == Some(&self.origin) || plain.is_some_and(|_| origin.as_ref() == plain)
    }

    /// `url` as it is asked: over http if the registry is asked as `insecure` and does not speak https.
    pub(crate) async fn speaking(&self, wire: &Wire, mut url: Url) -> Url {
        if self.server.protocol != Protocol::Insecure
            || Origin::of(&url).as_ref() != Some(&self.origin)
        {
            return url;
        }
        if let Ok(Some(_)) = self.plain.get_or_try_init(|| self.find_plain(wire)).await {
            // The scheme of an https URL can always become http.
            let _ = url.set_scheme("http");
        }
        url
    }

    /// The origin over http, if only that answers.
    async fn find_plain(&self, wire: &Wire) -> Result<Option<Origin>, ()> {
        let mut url = self.url(&Endpoint::Base);
        let answers = |url: Url| async move {
            let sent = wire.send(Exchange {
                method: Method::GET,
                url: &url,
                headers: HeaderMap::new(),
                body: Body::empty(),
                timeout: wire.limits.response,
                attempts: wire.attempts(),
                entry: Entry::Counted,
            });
            sent.await.is_ok()
        };
        if answers(url.clone()).await {
            return Ok(None);
        }
        let _ = url.set_scheme("http");
        match answers(url.clone()).await {
            true => Ok(Origin::of(&url)),
            // It is found out by the next request.
            false => Err(()),
        }
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

    /// Whether it is known not to set tags when a manifest is pushed by its digest.
    pub(crate) fn ignores_tags(&self) -> bool {
        self.ignores_tags.load(Ordering::Relaxed)
    }

    pub(crate) fn note_ignored_tags(&self) {
        self.ignores_tags.store(true, Ordering::Relaxed);
    }

    /// Whether it is known not to take blobs with a single `POST`.
    pub(crate) fn ignores_single_posts(&self) -> bool {
        self.ignores_single_posts.load(Ordering::Relaxed)
    }

    pub(crate) fn note_ignored_single_posts(&self) {
        self.ignores_single_posts.store(true, Ordering::Relaxed);
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
