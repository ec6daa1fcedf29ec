use http::{StatusCode, header};
use oci_image::distribution::Catalog;

use crate::Action;
use crate::access::Access;
use crate::call::Call;
use crate::page::Page;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::reply::Reply;

/// `GET /v2/_catalog`: the repositories that the client may pull from.
pub(super) fn get(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let page = Page::parse(&call.query, shared.limits.page)?;
    let mut names = page.entries();
    shared.store.backend().repositories(&mut |name| {
        if shared.gate.allows(&call.identity, Access::new(Action::Pull, name)).is_ok() {
            names.add(name.as_str());
        }
    })?;
    let (names, link) = page.cut(&call.path, names.in_order());
    let mut catalog = Catalog::new();
    catalog.repositories = names;
    let reply = Reply::new(StatusCode::OK).json(&catalog);
    Ok(link.into_iter().fold(reply, |reply, link| reply.header(header::LINK, link)))
}
