use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use oci_digest::Digest;
use oci_image::distribution::{
    Endpoint, ErrorCode, essence, header as names, query, stated_media_type,
};
use oci_image::{AnyDocument, MediaType, RepositoryName, Tag, TagOrDigest};

use super::{CONTENT_DIGEST, unknown};
use crate::call::Call;
use crate::conditions::{Conditions, entity_tag};
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;
use crate::store::{NotPut, Put, StoredManifest};

const SUBJECT: HeaderName = HeaderName::from_static(names::SUBJECT);
const TAG: HeaderName = HeaderName::from_static(names::TAG);

/// `GET` and `HEAD /v2/<name>/manifests/<reference>`
pub(super) async fn read(
    shared: &Shared,
    name: &RepositoryName,
    reference: &TagOrDigest,
    call: &Call,
) -> Result<Reply, Refusal> {
    let manifest = match reference {
        TagOrDigest::Digest(digest) => shared.store.manifest(name, digest).await?,
        TagOrDigest::Tag(tag) => shared.store.tagged(name, tag).await?,
    };
    let Some(manifest) = manifest else {
        return Err(unknown(&shared.store, name, no_manifest(reference)).await);
    };
    let is_cached = Conditions::of(&call.headers).is_cached(&manifest.digest);
    let status = if is_cached { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let reply = Reply::new(status)
        .header(header::CONTENT_TYPE, &manifest.media_type)
        // Whoever pushed it chose its type: in a browser it runs nothing.
        .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
        .header(CONTENT_DIGEST, &manifest.digest)
        .header(header::ETAG, entity_tag(&manifest.digest));
    Ok(if is_cached { reply } else { reply.bytes(manifest.bytes) })
}

/// `PUT /v2/<name>/manifests/<reference>`
pub(crate) async fn put(
    shared: &Shared,
    name: &RepositoryName,
    reference: &TagOrDigest,
    call: &Call,
    bytes: Bytes,
) -> Result<Reply, Refusal> {
    let (digest, tags) = names(shared, reference, call, &bytes)?;
    let media_type = media_type(call, &bytes)?;
    let manifest = StoredManifest { digest, media_type, bytes };
    let document = manifest.document().transpose().map_err(unreadable)?;
    let conditions = Conditions::of(&call.headers);
    let is_index = matches!(document, Some(AnyDocument::Index(_)));
    let is_immutable =
        |tag: &&Tag| shared.immutable.iter().any(|immutable| immutable.covers(name, tag));
    let immutable: Vec<Tag> = tags.iter().filter(is_immutable).cloned().collect();
    let put = Put {
        immutable: &immutable,
        reference,
        conditions,
        // What a proxy keeps, clients ask for later, if at all.
        is_sparse: shared.proxy.is_on() || is_index && shared.switches.sparse_indexes,
        manifest: &manifest,
        document: document.as_ref(),
        tags: &tags,
    };
    shared.store.put_manifest(name, &put).await?.map_err(|reason| not_put(&reason, reference))?;
    let digest = &manifest.digest;
    let mut reply = Reply::new(StatusCode::CREATED)
        .header(header::LOCATION, Endpoint::Manifest(name.clone(), digest.clone().into()))
        .header(CONTENT_DIGEST, digest);
    if let Some(subject) = document.as_ref().and_then(AnyDocument::subject)
        && shared.switches.referrers
    {
        reply = reply.header(SUBJECT, &subject.digest);
    }
    if matches!(reference, TagOrDigest::Digest(_)) {
        reply = tags.iter().fold(reply, |reply, tag| reply.also(TAG, tag));
    }
    Ok(reply)
}

fn not_put(reason: &NotPut, reference: &TagOrDigest) -> Refusal {
    match reason {
        NotPut::Missing(missing) => {
            let message = format!("the repository has no content `{missing}`");
            Refusal::new(ErrorCode::ManifestBlobUnknown, message).about(missing)
        }
        NotPut::Immutable(tag) => is_immutable(tag),
        NotPut::Conditions => {
            let message = format!("`{reference}` is not what the conditions of the request say");
            Refusal::new("PRECONDITION_FAILED".into(), message)
                .status(StatusCode::PRECONDITION_FAILED)
        }
    }
}

fn is_immutable(tag: &Tag) -> Refusal {
    let message = format!("the tag `{tag}` is immutable, and names another manifest");
    Refusal::new(ErrorCode::Denied, message)
}

/// The digest of the manifest, and the tags that are to name it.
fn names(
    shared: &Shared,
    reference: &TagOrDigest,
    call: &Call,
    bytes: &[u8],
) -> Result<(Digest, Vec<Tag>), Refusal> {
    let digest = match reference {
        TagOrDigest::Tag(tag) => return Ok((Digest::sha256(bytes), vec![tag.clone()])),
        TagOrDigest::Digest(digest) => digest,
    };
    digest
        .verify(bytes)
        .map_err(|error| Refusal::new(ErrorCode::DigestInvalid, error.to_string()))?;
    let tags: Result<Vec<Tag>, _> = call.query.all(query::TAG).map(str::parse).collect();
    let tags = tags.map_err(|error| Refusal::new(ErrorCode::ManifestInvalid, error.to_string()))?;
    if tags.len() > shared.limits.tags {
        let message = format!("one push can set {} tags", shared.limits.tags);
        return Err(
            Refusal::new(ErrorCode::ManifestInvalid, message).status(StatusCode::URI_TOO_LONG)
        );
    }
    Ok((digest.clone(), tags))
}

/// What the client says, without parameters; what the manifest says, if the client says nothing.
fn media_type(call: &Call, bytes: &[u8]) -> Result<String, Refusal> {
    let header = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let said = header.map(essence).filter(|said| !said.is_empty());
    let media_type = said.map(|said| MediaType::from(said.to_owned()));
    let refuse = |message| Refusal::new(ErrorCode::ManifestInvalid, message);
    let media_type = media_type
        .or_else(|| stated_media_type(bytes))
        .ok_or_else(|| refuse("neither header nor manifest says its media type".to_owned()))?;
    if media_type.is_well_formed() {
        Ok(media_type.as_str().to_owned())
    } else {
        let shown = media_type.as_str().escape_debug();
        Err(refuse(format!("cannot use `{shown}` as a media type: it is not `type/subtype`")))
    }
}

fn unreadable(error: oci_image::DocumentError) -> Refusal {
    let source = std::error::Error::source(&error);
    let message = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Refusal::new(ErrorCode::ManifestInvalid, message)
}

/// `DELETE /v2/<name>/manifests/<reference>`: a tag alone, or a manifest with its tags.
pub(super) async fn delete(
    shared: &Shared,
    name: &RepositoryName,
    reference: &TagOrDigest,
) -> Result<Reply, Refusal> {
    let (enabled, what) = match reference {
        TagOrDigest::Tag(_) => (shared.switches.delete_tags, "tags"),
        TagOrDigest::Digest(_) => (shared.switches.delete_manifests, "manifests"),
    };
    if !enabled {
        return Err(Refusal::new(ErrorCode::Unsupported, format!("{what} cannot be deleted here")));
    }
    let is_immutable = |tag: &Tag| shared.immutable.iter().any(|it| it.covers(name, tag));
    let kept = match reference {
        _ if shared.immutable.is_empty() => None,
        TagOrDigest::Tag(tag) => Some(tag.clone()).filter(is_immutable),
        TagOrDigest::Digest(digest) => shared.store.tag_of(name, digest, is_immutable).await?,
    };
    if let Some(tag) = kept {
        let message = format!("the tag `{tag}` is immutable, and keeps its manifest");
        return Err(Refusal::new(ErrorCode::Denied, message));
    }
    let deleted = match reference {
        TagOrDigest::Tag(tag) => shared.store.delete_tag(name, tag).await?,
        TagOrDigest::Digest(digest) => shared.store.delete_manifest(name, digest).await?,
    };
    if deleted {
        Ok(Reply::new(StatusCode::ACCEPTED))
    } else {
        Err(unknown(&shared.store, name, no_manifest(reference)).await)
    }
}

fn no_manifest(reference: &TagOrDigest) -> Refusal {
    Refusal::new(ErrorCode::ManifestUnknown, format!("there is no manifest `{reference}` here"))
}
