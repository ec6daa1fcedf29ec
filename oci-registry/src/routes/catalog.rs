use std::sync::Arc;

use http::{StatusCode, header};
use oci_image::RepositoryName;
use oci_image::distribution::Catalog;

use crate::Action;
use crate::access::Access;
use crate::call::Call;
use crate::page::Page;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;

/// `GET /v2/_catalog`: the repositories that the client may pull from.
pub(super) async fn get(shared: &Arc<Shared>, call: &Call) -> Result<Reply, Refusal> {
    let page = Page::parse(&call.query, shared.limits.page)?;
    let (asked, identity) = (shared.clone(), call.identity.clone());
    let filter = Arc::new(move |name: &RepositoryName| {
        asked.gate.allows(&identity, Access::new(Action::Pull, name)).is_ok()
    });
    let names = shared.store.backend().repositories(filter, page.last(), page.most()).await?;
    let (names, link) = page.cut(&call.path, names);
    let mut catalog = Catalog::new();
    catalog.repositories = names;
    let reply = Reply::new(StatusCode::OK).json(&catalog);
    Ok(link.into_iter().fold(reply, |reply, link| reply.header(header::LINK, link)))
}
