use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use oci_digest::{Algorithm, Digest};
use oci_image::RepositoryName;
use oci_image::distribution::{
    ByteRange, Endpoint, ErrorCode, UploadProgress, header as names, query,
};
use uuid::Uuid;

use super::CONTENT_DIGEST;
use crate::Action;
use crate::access::Access;
use crate::call::Call;
use crate::incoming::{Incoming, too_large};
use crate::places::Owner;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::reply::Reply;
use crate::sessions::{Held, Session, unknown};
use crate::store::Session as Key;
use crate::trace;
use crate::upload::Upload;

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
    let key = Key::new(name.clone(), Uuid::new_v4());
    let (begun, owner) = (registry.clone(), call.identity.owner.clone());
    let id = key.id;
    registry.to_its_end(async move { begun.begin(&key, algorithm, &owner).await }).await?;
    trace::upload_began(&name, id);
    let reply = progress(StatusCode::ACCEPTED, &name, id, 0);
    Ok(if minimum > 0 { reply.header(CHUNK_MINIMUM, minimum) } else { reply })
}

impl Registry {
    async fn begin(&self, key: &Key, algorithm: Algorithm, owner: &Owner) -> Result<(), Refusal> {
        let shared = &self.0;
        let backend = shared.store.backend();
        if shared.sessions.is_time_to_expire(&shared.limits)
            && let Some(before) = SystemTime::now().checked_sub(2 * shared.limits.upload_age)
        {
            // Sessions in use may be looked at, and not written to, for as long as they live.
            backend.expire(before).await?;
        }
        let upload = Upload::new(backend.stage(Some(key)).await?, algorithm);
        self.keep(key, upload, owner).await.map(drop)
    }

    /// Keeps a session among those of this process.
    async fn keep(
        &self,
        key: &Key,
        upload: Upload,
        owner: &Owner,
    ) -> Result<Arc<Session>, Refusal> {
        let shared = &self.0;
        match shared.sessions.insert(key, upload, owner, &shared.limits) {
            Ok((session, ended)) => {
                for session in ended {
                    session.discard().await?;
                }
                Ok(session)
            }
            Err(refused) => {
                let (refusal, upload) = *refused;
                upload.discard().await?;
                Err(refusal)
            }
        }
    }

    /// The session, also one that another process began.
    async fn find(&self, key: &Key, owner: &Owner) -> Result<Arc<Session>, Refusal> {
        let shared = &self.0;
        if let Some(session) = shared.sessions.find(key, &shared.limits) {
            return Ok(session);
        }
        let resumed = shared.store.backend().resume(key).await?;
        let (stage, used) = resumed.ok_or_else(|| unknown(key.id))?;
        let upload = Upload::resumed(stage);
        if used.elapsed().is_ok_and(|age| age >= shared.limits.upload_age) {
            upload.discard().await?;
            return Err(unknown(key.id));
        }
        self.keep(key, upload, owner).await
    }
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
    let (name, shared) = (name.clone(), registry.0.clone());
    let link = async move {
        let linked = shared.store.backend().link(&from, &name, &digest).await?;
        Ok(linked.then(|| created(&name, &digest)))
    };
    registry.to_its_end(link).await
}

/// A whole blob in one request, without a session.
async fn single(
    registry: &Registry,
    name: RepositoryName,
    (digest, algorithm): (Digest, Algorithm),
    length: Option<u64>,
    body: &mut Incoming,
) -> Result<Reply, Refusal> {
    let upload = Upload::new(registry.0.store.backend().stage(None).await?, algorithm);
    let upload = Held::alone(upload).await;
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
    let key = Key::new(name.clone(), id);
    let (finding, owner) = (registry.clone(), call.identity.owner.clone());
    let session = registry.to_its_end(async move { finding.find(&key, &owner).await }).await?;
    if call.method == Method::DELETE {
        registry.0.sessions.end(id);
        registry.to_its_end(async move { Ok(session.discard().await?) }).await?;
        return Ok(Reply::new(StatusCode::NO_CONTENT));
    }
    // The one that writes holds it, so that what is answered here is settled.
    let upload = session.hold().await;
    let mut writer = Writer { registry: registry.clone(), session: Some((id, session)), upload };
    writer.refresh().await?;
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
    let writer = writer.settle().await?;
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
    upload: Held,
}

impl Writer {
    fn gone(&self) -> Refusal {
        unknown(self.session.as_ref().map_or(Uuid::nil(), |session| session.0))
    }

    fn size(&self) -> Result<u64, Refusal> {
        self.upload.get().map(Upload::size).ok_or_else(|| self.gone())
    }

    fn has_ended(&self) -> Result<bool, Refusal> {
        self.upload.get().map(|upload| upload.ended).ok_or_else(|| self.gone())
    }

    fn end(&mut self) -> Result<(), Refusal> {
        let gone = self.gone();
        self.upload.get_mut().map(|upload| upload.ended = true).ok_or(gone)
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

    /// Looks what other processes have written meanwhile.
    async fn refresh(&mut self) -> Result<(), Refusal> {
        let gone = self.gone();
        match self.upload.get_mut().ok_or(gone)?.refresh().await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.upload.take();
                self.session.iter().for_each(|(id, _)| self.registry.0.sessions.end(*id));
                Err(self.gone())
            }
            refreshed => Ok(refreshed?),
        }
    }

    /// Writes to its end. The upload and the hold on it go along, and so stay whole if
    /// this request is dropped. One that could not be written has an unknown length, and ends.
    async fn write(mut self, piece: Bytes) -> Result<Self, Refusal> {
        if let Some((_, session)) = &self.session {
            session.touch();
        }
        let registry = self.registry.clone();
        let write = async move {
            let mut upload = self.upload.take().ok_or_else(|| self.gone())?;
            if let Err(error) = upload.write(piece).await {
                self.session.iter().for_each(|(id, _)| self.registry.0.sessions.end(*id));
                // What went wrong before is what is to be told.
                let _ = upload.discard().await;
                return Err(error.into());
            }
            self.upload.put(upload);
            Ok(self)
        };
        registry.to_its_end(write).await
    }

    /// What was written is what other processes see from here on.
    async fn settle(mut self) -> Result<Self, Refusal> {
        let registry = self.registry.clone();
        let settle = async move {
            let gone = self.gone();
            match self.upload.get_mut().ok_or(gone)?.settle().await {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let message = "another request wrote the same part of the upload";
                    Err(Refusal::new(ErrorCode::BlobUploadInvalid, message)
                        .status(StatusCode::RANGE_NOT_SATISFIABLE))
                }
                settled => settled.map(|()| self).map_err(Refusal::from),
            }
        };
        registry.to_its_end(settle).await
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
        let commit = async move {
            upload.commit(&name, &digest, algorithm).await?;
            Ok(created(&name, &digest))
        };
        self.registry.to_its_end(commit).await
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
