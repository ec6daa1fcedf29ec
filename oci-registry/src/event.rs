//! What happened to the content of repositories, for those who are to be notified.

use http::{HeaderMap, Method, StatusCode, header, request};
use oci_digest::Digest;
use oci_image::distribution::{Endpoint, essence, header as names, query};
use oci_image::{RepositoryName, Tag, TagOrDigest};

use crate::Caller;
use crate::host;
use crate::query::Query;
use crate::reply::Reply;
use crate::route::Route;

/// Something that a request did to the content of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What was done.
    pub action: EventAction,
    /// The repository.
    pub repository: RepositoryName,
    /// The content, if it is known: the deletion of a tag does not say what it named.
    pub digest: Option<Digest>,
    /// The tag that was asked for.
    pub tag: Option<Tag>,
    /// The media type of the content, if it is a manifest.
    pub media_type: Option<String>,
    /// The size of the content in bytes, if it is known.
    pub size: Option<u64>,
    /// The repository that a blob was mounted from.
    pub from: Option<RepositoryName>,
    /// Who did it.
    pub caller: Caller,
    /// The method of the request.
    pub method: Method,
    /// The host that was asked.
    pub host: String,
    /// The path of the content.
    pub path: String,
    /// What the client calls itself (`User-Agent`).
    pub user_agent: Option<String>,
}

/// What was done to content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventAction {
    /// A client asked for it, by `GET` or `HEAD`, and it was there.
    Pull,
    /// It was stored; a tag may name it.
    Push,
    /// A blob of another repository is in this one, too.
    Mount,
    /// It was deleted, or a tag.
    Delete,
}

/// A listener to events.
pub(crate) type OnEvent = dyn Fn(&Event) + Send + Sync;

/// A request that may become an event.
pub(crate) struct Cause {
    route: Route,
    caller: Caller,
    from: Option<RepositoryName>,
}

impl Cause {
    pub(crate) fn new(route: &Route, caller: &Caller, from: Option<&RepositoryName>) -> Self {
        Self { route: route.clone(), caller: caller.clone(), from: from.cloned() }
    }

    /// What was done, as the answer to the request tells.
    pub(crate) fn event(self, head: &request::Parts, reply: &Reply) -> Option<Event> {
        let action = action(&self.route, &head.method, reply.status, &head.uri)?;
        let digest = text(&reply.headers, names::CONTENT_DIGEST).and_then(|it| it.parse().ok());
        let length = |headers: &HeaderMap| {
            text(headers, header::CONTENT_LENGTH.as_str()).and_then(|it| it.parse().ok())
        };
        let media_type = |headers: &HeaderMap| {
            text(headers, header::CONTENT_TYPE.as_str()).map(|it| essence(it).to_owned())
        };
        let described = match action {
            EventAction::Pull => Some(&reply.headers),
            EventAction::Push => Some(&head.headers),
            EventAction::Mount | EventAction::Delete => None,
        };
        let mut event = Event {
            action,
            repository: self.route.repository()?.clone(),
            digest,
            tag: None,
            media_type: None,
            size: None,
            from: self.from.filter(|_| action == EventAction::Mount),
            caller: self.caller,
            method: head.method.clone(),
            host: host::of(head).to_owned(),
            path: head.uri.path().to_owned(),
            user_agent: text(&head.headers, header::USER_AGENT.as_str()).map(str::to_owned),
        };
        match self.route {
            Route::Manifest(_, reference) => {
                event.size = described.and_then(length);
                event.media_type = described.and_then(media_type);
                match reference {
                    TagOrDigest::Tag(tag) => event.tag = Some(tag),
                    TagOrDigest::Digest(digest) => event.digest = event.digest.or(Some(digest)),
                }
            }
            Route::Blob(_, digest) => {
                event.size = described.and_then(length);
                event.digest = event.digest.or(Some(digest));
            }
            _ => {}
        }
        if let Some(digest) = &event.digest {
            let repository = event.repository.clone();
            let content = match event.media_type {
                Some(_) => Endpoint::Manifest(repository, digest.clone().into()),
                None => Endpoint::Blob(repository, digest.clone()),
            };
            if event.action != EventAction::Delete {
                event.path = content.to_string();
            }
        }
        Some(event)
    }
}

fn action(
    route: &Route,
    method: &Method,
    status: StatusCode,
    uri: &http::Uri,
) -> Option<EventAction> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let is_mount = || {
        let query = Query::parse(uri.query().unwrap_or_default());
        query.is_some_and(|it| it.first(query::MOUNT).is_some())
    };
    match (route, status) {
        (Route::Manifest(..) | Route::Blob(..), StatusCode::OK) if is_read => {
            Some(EventAction::Pull)
        }
        (Route::Manifest(..) | Route::Blob(..), StatusCode::ACCEPTED)
            if *method == Method::DELETE =>
        {
            Some(EventAction::Delete)
        }
        (Route::Uploads(_), StatusCode::CREATED) if is_mount() => Some(EventAction::Mount),
        (Route::Manifest(..) | Route::Uploads(_) | Route::Upload(..), StatusCode::CREATED) => {
            Some(EventAction::Push)
        }
        _ => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
