use http::{Method, StatusCode, header};
use oci_digest::Digest;
use oci_image::RepositoryName;
use oci_image::distribution::{ContentRange, ErrorCode, RangeRequest, Selection};

use super::{CONTENT_DIGEST, unknown};
use crate::Body;
use crate::call::Call;
use crate::conditions::{Conditions, entity_tag};
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;

/// `GET` and `HEAD /v2/<name>/blobs/<digest>`
pub(super) async fn read(
    shared: &Shared,
    name: &RepositoryName,
    digest: &Digest,
    call: &Call,
) -> Result<Reply, Refusal> {
    let Some(blob) = shared.store.blob(name, digest).await? else {
        return Err(unknown(&shared.store, name, no_blob(digest)).await);
    };
    let etag = entity_tag(digest);
    let describe = |status| {
        Reply::new(status)
            .header(CONTENT_DIGEST, digest)
            .header(header::ETAG, &etag)
            .header(header::ACCEPT_RANGES, "bytes")
            .header(header::CONTENT_TYPE, "application/octet-stream")
    };
    if Conditions::of(&call.headers).is_cached(digest) {
        return Ok(describe(StatusCode::NOT_MODIFIED));
    }
    if call.method == Method::GET
        && let Some(url) = blob.content.url()
    {
        return Ok(describe(StatusCode::TEMPORARY_REDIRECT).header(header::LOCATION, url.await?));
    }
    let size = blob.size;
    match selection(call, &etag, size) {
        Selection::Whole => Ok(describe(StatusCode::OK).body(Body::blob(blob, 0, size), size)),
        Selection::Part(range) => Ok(describe(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, ContentRange::Part { range, total: Some(size) })
            .body(Body::blob(blob, range.first(), range.len()), range.len())),
        Selection::Unsatisfiable => {
            let refusal =
                Refusal::new(ErrorCode::SizeInvalid, format!("the blob has {size} bytes"))
                    .status(StatusCode::RANGE_NOT_SATISFIABLE);
            Ok(refusal
                .into_reply()
                .header(header::CONTENT_RANGE, ContentRange::Unsatisfiable { total: size }))
        }
    }
}

/// A range counts for `GET` alone, and only if the client has a part of this very content.
fn selection(call: &Call, etag: &str, size: u64) -> Selection {
    let range = call.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let same = call.headers.get(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let range = range.filter(|_| same && call.method == Method::GET).and_then(RangeRequest::parse);
    range.map_or(Selection::Whole, |range| range.within(size))
}

/// `DELETE /v2/<name>/blobs/<digest>`
pub(super) async fn delete(
    shared: &Shared,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Reply, Refusal> {
    if !shared.switches.delete_blobs {
        return Err(Refusal::new(ErrorCode::Unsupported, "blobs cannot be deleted here"));
    }
    if shared.store.unlink_blob(name, digest).await? {
        Ok(Reply::new(StatusCode::ACCEPTED))
    } else {
        Err(unknown(&shared.store, name, no_blob(digest)).await)
    }
}

fn no_blob(digest: &Digest) -> Refusal {
    Refusal::new(ErrorCode::BlobUnknown, format!("there is no blob `{digest}` here")).about(digest)
}
