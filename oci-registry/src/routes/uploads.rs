use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use oci_digest::{Algorithm, Digest};
use oci_image::RepositoryName;
use oci_image::distribution::{
    ByteRange, Endpoint, ErrorCode, UploadProgress, header as names, query,
};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::CONTENT_DIGEST;
use crate::Action;
use crate::access::Access;
use crate::call::Call;
use crate::incoming::{Incoming, too_large};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::registry::{Registry, Shared};
use crate::reply::Reply;
use crate::sessions::{Session, Upload, unknown};
use crate::trace;

const UPLOAD_UUID: HeaderName = HeaderName::from_static(names::UPLOAD_UUID);
const CHUNK_MINIMUM: HeaderName = HeaderName::from_static(names::CHUNK_MIN_LENGTH);

/// How much is written at a time, in bytes.
const PIECE: usize = 256 << 10;

/// `POST /v2/<name>/blobs/uploads/`: a mount, a whole blob, or a new session.
pub(crate) async fn post(
    registry: &Registry,
    name: RepositoryName,
    call: Call,
    body: &mut Incoming,
) -> Result<Reply, Refusal> {
    if let Some(digest) = call.query.first(query::MOUNT) {
        let digest = parse_digest(digest)?.0;
        if let Some(reply) = mount(registry, &name, &call, digest).await? {
            return Ok(reply);
        }
    } else if let Some(digest) = call.query.first(query::DIGEST) {
        let (digest, algorithm) = parse_digest(digest)?;
        return single(registry, name, (digest, algorithm), content_length(&call)?, body).await;
    }
    let algorithm = match call.query.first(query::DIGEST_ALGORITHM) {
        Some(name) => Algorithm::from_name(name).ok_or_else(|| {
            let message = format!("digests by `{}` are not supported", name.escape_debug());
            Refusal::new(ErrorCode::DigestInvalid, message)
        })?,
        None => Algorithm::Sha256,
    };
    let minimum = registry.0.limits.chunk_minimum;
    let repository = name.clone();
    let owner = call.identity.owner.clone();
    let begin = move |shared: &Shared| {
        let upload = Upload::new(&shared.store, algorithm)?;
        shared.sessions.begin(upload, repository, &owner, &shared.limits)
    };
    let id = registry.blocking(begin).await?;
    trace::upload_began(&name, id);
    let reply = progress(StatusCode::ACCEPTED, &name, id, 0);
    Ok(if minimum > 0 { reply.header(CHUNK_MINIMUM, minimum) } else { reply })
}

/// The repository that a blob is to be mounted from.
pub(crate) fn source(query: &Query) -> Option<RepositoryName> {
    query.first(query::MOUNT)?;
    query.first(query::FROM)?.parse().ok()
}

/// Gives the repository a blob of another one, if the client may read it there. A client that may
/// not gets the same answer as if there were none.
async fn mount(
    registry: &Registry,
    name: &RepositoryName,
    call: &Call,
    digest: Digest,
) -> Result<Option<Reply>, Refusal> {
    let (gate, asked) = (&registry.0.gate, call.asked());
    let may_read = |from: &RepositoryName| {
        gate.decide(asked, &call.identity, Access::new(Action::Pull, from)).is_ok()
    };
    let source = source(&call.query).filter(may_read);
    let Some(from) = source else { return Ok(None) };
    let name = name.clone();
    let link = move |shared: &Shared| {
        let linked = shared.store.backend().link(&from, &name, &digest)?;
        Ok(linked.then(|| created(&name, &digest)))
    };
    registry.blocking(link).await
}

/// A whole blob in one request, without a session.
async fn single(
    registry: &Registry,
    name: RepositoryName,
    (digest, algorithm): (Digest, Algorithm),
    length: Option<u64>,
    body: &mut Incoming,
) -> Result<Reply, Refusal> {
    let upload = registry.blocking(move |it| Ok(Upload::new(&it.store, algorithm)?)).await?;
    let upload = Arc::new(tokio::sync::Mutex::new(Some(upload))).lock_owned().await;
    let writer = Writer { registry: registry.clone(), session: None, upload };
    let (writer, _) = writer.receive(body, length).await?;
    writer.commit(name, digest, algorithm).await
}

/// Everything under `/v2/<name>/blobs/uploads/<session>`.
pub(crate) async fn session(
    registry: &Registry,
    name: RepositoryName,
    id: Uuid,
    call: Call,
    body: &mut Incoming,
) -> Result<Reply, Refusal> {
    let shared = &registry.0;
    let session = shared.sessions.find(&name, id, &shared.limits)?;
    if call.method == Method::DELETE {
        shared.sessions.end(id);
        return Ok(Reply::new(StatusCode::NO_CONTENT));
    }
    // The one that writes holds it, so that what is answered here is settled.
    let upload = session.hold().await;
    let writer = Writer { registry: registry.clone(), session: Some((id, session)), upload };
    match call.method {
        Method::PATCH => patch(writer, &name, id, &call, body).await,
        Method::PUT => put(writer, name, id, &call, body).await,
        _ => Ok(progress(StatusCode::NO_CONTENT, &name, id, writer.size()?)),
    }
}

/// `PATCH`: the next chunk, or a stream of unknown length.
async fn patch(
    writer: Writer,
    name: &RepositoryName,
    id: Uuid,
    call: &Call,
    body: &mut Incoming,
) -> Result<Reply, Refusal> {
    let range = writer.expect_range(call, name, id)?;
    let length = expected_length(call, range)?;
    if writer.has_ended()? {
        let message = "the chunk before this one was under the minimum length";
        return Err(Refusal::new(ErrorCode::BlobUploadInvalid, message));
    }
    let (mut writer, received) = writer.receive(body, length).await?;
    if range.is_some() && received < writer.registry.0.limits.chunk_minimum {
        writer.end()?;
    }
    Ok(progress(StatusCode::ACCEPTED, name, id, writer.size()?))
}

/// `PUT`: the last chunk, which may be empty, and the digest of it all.
async fn put(
    writer: Writer,
    name: RepositoryName,
    id: Uuid,
    call: &Call,
    body: &mut Incoming,
) -> Result<Reply, Refusal> {
    let digest = call.query.first(query::DIGEST).ok_or_else(|| {
        Refusal::new(ErrorCode::DigestInvalid, "an upload is completed with its `digest`")
    })?;
    let (digest, algorithm) = parse_digest(digest)?;
    let range = writer.expect_range(call, &name, id)?;
    let (writer, _) = writer.receive(body, expected_length(call, range)?).await?;
    writer.commit(name, digest, algorithm).await
}

/// The one request that holds an upload.
struct Writer {
    registry: Registry,
    session: Option<(Uuid, Arc<Session>)>,
    upload: OwnedMutexGuard<Option<Upload>>,
}

impl Writer {
    fn gone(&self) -> Refusal {
        unknown(self.session.as_ref().map_or(Uuid::nil(), |session| session.0))
    }

    fn size(&self) -> Result<u64, Refusal> {
        self.upload.as_ref().map(Upload::size).ok_or_else(|| self.gone())
    }

    fn has_ended(&self) -> Result<bool, Refusal> {
        self.upload.as_ref().map(|upload| upload.ended).ok_or_else(|| self.gone())
    }

    fn end(&mut self) -> Result<(), Refusal> {
        let gone = self.gone();
        self.upload.as_mut().map(|upload| upload.ended = true).ok_or(gone)
    }

    /// The range that the client says it sends, which must begin where the upload ends.
    fn expect_range(
        &self,
        call: &Call,
        name: &RepositoryName,
        id: Uuid,
    ) -> Result<Option<ByteRange>, Refusal> {
        let Some(header) = call.headers.get(header::CONTENT_RANGE) else { return Ok(None) };
        let size = self.size()?;
        let range = header.to_str().ok().and_then(ByteRange::parse);
        match range.filter(|range| range.first() == size) {
            Some(range) => Ok(Some(range)),
            None => {
                let message = format!("the next chunk must begin at {size}");
                let refusal = Refusal::new(ErrorCode::BlobUploadInvalid, message)
                    .status(StatusCode::RANGE_NOT_SATISFIABLE);
                let state = progress(StatusCode::ACCEPTED, name, id, size).headers;
                let sent = [header::LOCATION, header::RANGE, UPLOAD_UUID];
                Err(sent.into_iter().fold(refusal, |refusal, name| match state.get(&name) {
                    Some(value) => refusal.header(name, value.clone()),
                    None => refusal,
                }))
            }
        }
    }

    /// Writes the body, which must have `length` bytes if that is given. What was received
    /// before a body broke off is kept, so that the client can resume there.
    async fn receive(
        mut self,
        body: &mut Incoming,
        length: Option<u64>,
    ) -> Result<(Self, u64), Refusal> {
        let room = self.registry.0.limits.blob.saturating_sub(self.size()?);
        let allowed = length.unwrap_or(u64::MAX);
        if length.is_some_and(|length| length > room) {
            return Err(too_large(self.registry.0.limits.blob));
        }
        let mut received = 0;
        let session = self.session.as_ref().map(|(_, session)| session.clone());
        if let Some(session) = session {
            body.yield_to(session);
        }
        while let Some(piece) = body.piece(PIECE).await? {
            received += piece.len() as u64;
            if received > allowed {
                return Err(Refusal::new(
                    ErrorCode::SizeInvalid,
                    format!("more than {allowed} bytes were received"),
                ));
            }
            if received > room {
                return Err(too_large(self.registry.0.limits.blob));
            }
            self = self.write(piece).await?;
        }
        match length {
            Some(length) if received < length => {
                let message =
                    format!("{received} bytes were received where {length} were announced");
                Err(Refusal::new(ErrorCode::SizeInvalid, message))
            }
            _ => Ok((self, received)),
        }
    }

    /// Writes where waiting is allowed. The upload and the hold on it go along, and so stay whole if
    /// this request is dropped. One that could not be written has an unknown length, and ends.
    async fn write(self, piece: Bytes) -> Result<Self, Refusal> {
        if let Some((_, session)) = &self.session {
            session.touch();
        }
        let registry = self.registry.clone();
        let write = move |_: &Shared| {
            let mut writer = self;
            let mut upload = writer.upload.take().ok_or_else(|| writer.gone())?;
            upload.write(&piece)?;
            *writer.upload = Some(upload);
            Ok(writer)
        };
        registry.blocking(write).await
    }

    async fn commit(
        mut self,
        name: RepositoryName,
        digest: Digest,
        algorithm: Algorithm,
    ) -> Result<Reply, Refusal> {
        let upload = self.upload.take().ok_or_else(|| self.gone())?;
        if let Some((id, _)) = &self.session {
            self.registry.0.sessions.end(*id);
        }
        let commit = move |_: &Shared| {
            upload.commit(&name, &digest, algorithm)?;
            Ok(created(&name, &digest))
        };
        self.registry.blocking(commit).await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.as_mut() {
            upload.close();
        }
    }
}

fn parse_digest(text: &str) -> Result<(Digest, Algorithm), Refusal> {
    let refuse = |message| Refusal::new(ErrorCode::DigestInvalid, message);
    let digest: Digest =
        text.parse().map_err(|_| refuse(format!("`{}` is not a digest", text.escape_debug())))?;
    match digest.algorithm() {
        Some(algorithm) => Ok((digest, algorithm)),
        None => Err(refuse(format!("digests like `{digest}` are not supported"))),
    }
}

fn content_length(call: &Call) -> Result<Option<u64>, Refusal> {
    let Some(header) = call.headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = header.to_str().ok().and_then(|text| text.parse().ok());
    length
        .map(Some)
        .ok_or_else(|| Refusal::new(ErrorCode::SizeInvalid, "the length is not a number"))
}

/// How long the body is to be, by both headers that tell.
fn expected_length(call: &Call, range: Option<ByteRange>) -> Result<Option<u64>, Refusal> {
    let (length, range) = (content_length(call)?, range.map(ByteRange::len));
    match (length, range) {
        (Some(length), Some(range)) if length != range => {
            let message = format!("the length is {length} and the range has {range} bytes");
            Err(Refusal::new(ErrorCode::SizeInvalid, message))
        }
        (length, range) => Ok(length.or(range)),
    }
}

/// Where an upload stands. The range of nothing is written as that of one byte; it has no other form.
fn progress(status: StatusCode, name: &RepositoryName, id: Uuid, size: u64) -> Reply {
    Reply::new(status)
        .header(header::LOCATION, format_args!("{}{id}", Endpoint::Uploads(name.clone())))
        .header(header::RANGE, UploadProgress::new(size))
        .header(UPLOAD_UUID, id)
}

fn created(name: &RepositoryName, digest: &Digest) -> Reply {
    Reply::new(StatusCode::CREATED)
        .header(header::LOCATION, Endpoint::Blob(name.clone(), digest.clone()))
        .header(CONTENT_DIGEST, digest)
}
