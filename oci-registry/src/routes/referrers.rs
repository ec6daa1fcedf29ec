use http::{HeaderName, StatusCode, header};
use oci_digest::Digest;
use oci_image::MediaType;
use oci_image::distribution::{ErrorCode, header as names, query};
use serde_json::{Value, json};

use crate::call::Call;
use crate::page::Page;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;
use crate::store::Collection;
use oci_image::RepositoryName;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static(names::FILTERS_APPLIED);

/// `GET /v2/<name>/referrers/<digest>`: an index, empty also where nothing is known.
pub(super) async fn get(
    shared: &Shared,
    name: &RepositoryName,
    subject: &Digest,
    call: &Call,
) -> Result<Reply, Refusal> {
    if !shared.switches.referrers {
        return Err(Refusal::new(ErrorCode::Unsupported, "referrers are not listed here")
            .status(StatusCode::NOT_FOUND));
    }
    let page = Page::parse(&call.query, shared.limits.page)?;
    let filter = call.query.first(query::ARTIFACT_TYPE);
    let (descriptors, next) = select(shared, name, subject, &page, filter).await?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::IMAGE_INDEX.as_str(),
        "manifests": descriptors,
    });
    let mut reply = Reply::new(StatusCode::OK)
        .json(&index)
        .header(header::CONTENT_TYPE, MediaType::IMAGE_INDEX.as_str());
    let filters: Vec<_> = filter.map(|filter| (query::ARTIFACT_TYPE, filter)).into_iter().collect();
    if filter.is_some() {
        reply = reply.header(FILTERS_APPLIED, query::ARTIFACT_TYPE);
    }
    if let Some(last) = next {
        reply = reply.header(header::LINK, page.link(&call.path, &last, &filters));
    }
    Ok(reply)
}

/// The descriptors of one page, and the last of them if there are more. A page also ends where the
/// index would become larger than a manifest may be.
async fn select(
    shared: &Shared,
    name: &RepositoryName,
    subject: &Digest,
    page: &Page,
    filter: Option<&str>,
) -> Result<(Vec<Value>, Option<String>), Refusal> {
    let listed = Collection::Referrers(subject.clone());
    let (mut descriptors, mut last, mut room) = (Vec::new(), None, shared.limits.manifest);
    let mut after = page.last().map(str::to_owned);
    loop {
        let referrers = shared.store.list(name, &listed, after.as_deref(), page.most()).await?;
        let is_end = referrers.len() < page.most();
        after = referrers.last().cloned();
        for referrer in referrers {
            let Ok(digest) = referrer.parse() else { continue };
            // Removed since it was listed, perhaps.
            let Some(descriptor) = shared.store.referrer(name, subject, &digest).await? else {
                continue;
            };
            if filter.is_some_and(|filter| descriptor["artifactType"] != filter) {
                continue;
            }
            let size = descriptor.to_string().len() + 1;
            let fits = descriptors.is_empty() || size <= room;
            if descriptors.len() >= page.size() || !fits {
                return Ok((descriptors, last));
            }
            room = room.saturating_sub(size);
            descriptors.push(descriptor);
            last = Some(referrer);
        }
        if is_end {
            return Ok((descriptors, None));
        }
    }
}
