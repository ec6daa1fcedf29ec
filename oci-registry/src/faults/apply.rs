use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::{HeaderName, HeaderValue, StatusCode, header, request};
use oci_digest::Digest;
use oci_image::distribution::{ByteRange, RangeRequest, UploadProgress, next_link};

use super::requests::Count;
use super::{Effect, Fault};
use crate::Body;
use crate::reply::Reply;

/// A fault asked for the connection to be closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot answer the request: a fault closes the connection")]
#[non_exhaustive]
pub struct Disconnect;

/// The faults of a registry, and how often each was met.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<(Fault, Count)>>);

/// The faults that one request meets.
pub(crate) struct Matching(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().extend(faults.into_iter().map(|fault| (fault, Count::default())));
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn matching(&self, head: &request::Parts) -> Matching {
        let mut faults = self.lock();
        let met = faults.iter_mut().filter(|(fault, _)| fault.requests.have(head));
        let active =
            met.filter_map(|(fault, count)| fault.requests.have_turn(count).then(|| fault.clone()));
        Matching(active.collect())
    }

    /// Each change of the list is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Vec<(Fault, Count)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Matching {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What happens before the request is carried out; an answer, if it is not carried out at all.
    pub(crate) async fn before(
        &self,
        head: &mut request::Parts,
    ) -> Result<Option<Reply>, Disconnect> {
        let at_once = self.0.iter().filter(|fault| fault.requests.answered.is_none());
        for Fault { effect, .. } in at_once {
            match effect {
                Effect::Delay(delay) => tokio::time::sleep(*delay).await,
                Effect::DropRequestHeaders(names) => {
                    for name in names {
                        head.headers.remove(name);
                    }
                }
                Effect::WrongRange => begin_at_zero(head),
                Effect::DropQuery(name) => keep_of_query(head, |pairs| {
                    pairs.retain(|pair| name_of(pair) != *name);
                }),
                Effect::LastOfQuery(name) => keep_of_query(head, |pairs| {
                    let last = pairs.iter().rev().find(|pair| name_of(pair) == *name).copied();
                    pairs.retain(|pair| name_of(pair) != *name);
                    pairs.extend(last);
                }),
                Effect::DashedDigests => undash(head),
                Effect::Disconnect => return Err(Disconnect),
                Effect::RedirectLoop => {
                    let reply = Reply::new(StatusCode::TEMPORARY_REDIRECT);
                    return Ok(Some(reply.header(header::LOCATION, own_url(head))));
                }
                Effect::Answer { status, headers, body } => {
                    return Ok(Some(answer(*status, headers, body)));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// What happens to the answer.
    pub(crate) fn after(
        self,
        head: &request::Parts,
        mut reply: Reply,
    ) -> Result<Reply, Disconnect> {
        for Fault { requests, effect } in self.0 {
            if requests.answered.is_some_and(|status| status != reply.status) {
                continue;
            }
            reply = match effect {
                Effect::Answer { status, headers, body } if requests.answered.is_some() => {
                    answer(status, &headers, &body)
                }
                Effect::LoseAnswer => return Err(Disconnect),
                Effect::CutBody(bytes) => change(reply, |body| cut(body, bytes)),
                Effect::SlowBody { piece, pause } => change(reply, |body| slow(body, piece, pause)),
                Effect::WrongBytes => change(reply, wrong),
                Effect::TruncateBody(bytes) => {
                    let length = length(&reply).map(|length| length.min(bytes));
                    resize(change(reply, |body| first(body, bytes)), length)
                }
                Effect::ExtendBody(more) => {
                    let length = length(&reply).map(|length| length + more.len() as u64);
                    let more = stream::iter([Ok(more)]);
                    resize(
                        change(reply, |body| Body::stream(body.into_stream().chain(more))),
                        length,
                    )
                }
                Effect::SetHeader(name, value) => {
                    reply.headers.insert(name, value);
                    reply
                }
                Effect::DropHeader(name) => {
                    reply.headers.remove(&name);
                    // Otherwise the length would be known, and sent, all the same.
                    change(reply, |body| Body::stream(body.into_stream()))
                }
                Effect::LinkLoop => reply.header(header::LINK, next_link(own_url(head))),
                Effect::SetStatus(status) => with_status(reply, status),
                Effect::RangeOfChunk => match chunk(head) {
                    Some(chunk) => reply.header(header::RANGE, UploadProgress::new(chunk.len())),
                    None => reply,
                },
                _ => reply,
            };
        }
        Ok(reply)
    }
}

fn own_url(head: &request::Parts) -> &str {
    head.uri.path_and_query().map_or("/", |url| url.as_str())
}

/// `bytes=5-9` becomes `bytes=0-9`.
fn begin_at_zero(head: &mut request::Parts) {
    let range = head.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = match range.and_then(RangeRequest::parse) {
        Some(RangeRequest::Part(range)) => ByteRange::new(0, range.last()).map(RangeRequest::Part),
        Some(RangeRequest::From(_)) => Some(RangeRequest::From(0)),
        _ => None,
    };
    if let Some(Ok(range)) = range.map(|range| range.to_string().parse()) {
        head.headers.insert(header::RANGE, range);
    }
}

fn keep_of_query(head: &mut request::Parts, keep: impl FnOnce(&mut Vec<&str>)) {
    let Some(query) = head.uri.query() else { return };
    let mut pairs: Vec<&str> = query.split('&').collect();
    keep(&mut pairs);
    set_url(head, &format!("{}?{}", head.uri.path(), pairs.join("&")));
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

/// `…/manifests/sha256-0a1b…` becomes `…/manifests/sha256:0a1b…`.
fn undash(head: &mut request::Parts) {
    let Some((repository, tag)) = head.uri.path().rsplit_once("/manifests/") else { return };
    if let Ok(digest) = tag.replacen('-', ":", 1).parse::<Digest>() {
        set_url(head, &format!("{repository}/manifests/{digest}"));
    }
}

/// What was part of a URL is part of one again.
fn set_url(head: &mut request::Parts, url: &str) {
    if let Ok(uri) = url.parse() {
        head.uri = uri;
    }
}

/// The chunk of an upload that a request brings, by its word.
fn chunk(head: &request::Parts) -> Option<ByteRange> {
    head.headers.get(header::CONTENT_RANGE)?.to_str().ok().and_then(ByteRange::parse)
}

fn answer(status: StatusCode, headers: &[(HeaderName, HeaderValue)], body: &Bytes) -> Reply {
    let mut reply = Reply::new(status).bytes(body.clone());
    reply.headers.extend(headers.iter().cloned());
    reply
}

fn with_status(mut reply: Reply, status: StatusCode) -> Reply {
    reply.status = status;
    // It has no content, and must not say how long that is.
    if status == StatusCode::NO_CONTENT {
        reply.headers.remove(header::CONTENT_LENGTH);
    }
    reply
}

fn change(mut reply: Reply, change: impl FnOnce(Body) -> Body) -> Reply {
    reply.body = change(reply.body);
    reply
}

fn length(reply: &Reply) -> Option<u64> {
    reply.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn resize(reply: Reply, length: Option<u64>) -> Reply {
    match length {
        Some(length) => reply.header(header::CONTENT_LENGTH, length),
        None => reply,
    }
}

/// The first bytes of a body.
fn pieces(body: Body, bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let state = (Box::pin(body.into_stream()), bytes);
    stream::unfold(state, |(mut pieces, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = match pieces.next().await? {
            Ok(mut piece) => {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                Ok(piece)
            }
            error => error,
        };
        let length = piece.as_ref().map_or(0, Bytes::len) as u64;
        Some((piece, (pieces, left - length)))
    })
}

fn first(body: Body, bytes: u64) -> Body {
    Body::stream(pieces(body, bytes))
}

fn cut(body: Body, bytes: u64) -> Body {
    let end = stream::once(async {
        // Gives the server a chance to send what it was given before the connection ends.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, Disconnect))
    });
    Body::stream(pieces(body, bytes).chain(end))
}

fn slow(body: Body, size: usize, pause: Duration) -> Body {
    let state = (Box::pin(body.into_stream()), Bytes::new());
    Body::stream(stream::unfold(state, move |(mut pieces, mut rest)| async move {
        while rest.is_empty() {
            match pieces.next().await? {
                Ok(piece) => rest = piece,
                error => return Some((error, (pieces, Bytes::new()))),
            }
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok(piece), (pieces, rest)))
    }))
}

fn wrong(body: Body) -> Body {
    let mut first = true;
    Body::stream(body.into_stream().map(move |piece| {
        let mut bytes = Vec::from(piece?);
        if let (true, Some(byte)) = (first, bytes.first_mut()) {
            *byte ^= 1;
            first = false;
        }
        Ok(bytes.into())
    }))
}
