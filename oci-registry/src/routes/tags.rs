use http::{StatusCode, header};
use oci_image::distribution::TagList;

use crate::call::Call;
use crate::page::Page;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;
use crate::store::Collection;
use oci_image::RepositoryName;

/// `GET /v2/<name>/tags/list`
pub(super) async fn get(
    shared: &Shared,
    name: &RepositoryName,
    call: &Call,
) -> Result<Reply, Refusal> {
    if !shared.store.backend().knows(name).await? {
        return Err(super::unknown_repository(name));
    }
    let page = match shared.switches.tag_pages {
        true => Page::parse(&call.query, shared.limits.page)?,
        false => Page::whole(),
    };
    let tags = shared.store.list(name, &Collection::Tags, page.last(), page.most()).await?;
    let (tags, link) = page.cut(&call.path, tags);
    let mut list = TagList::new(name.to_string());
    list.tags = tags;
    let reply = Reply::new(StatusCode::OK).json(&list);
    Ok(link.into_iter().fold(reply, |reply, link| reply.header(header::LINK, link)))
}
