use http::{StatusCode, header};
use serde_json::json;

use crate::RepositoryName;
use crate::page::Page;
use crate::refusal::{Code, Refusal};
use crate::reply::Reply;
use crate::service::{Call, Shared};

/// `GET /v2/<name>/tags/list`
pub(super) fn get(shared: &Shared, name: &RepositoryName, call: &Call) -> Result<Reply, Refusal> {
    if !shared.store.backend().knows(name)? {
        let message = format!("there is no repository `{name}` here");
        return Err(Refusal::new(Code::NameUnknown, message));
    }
    let page = Page::parse(&call.query, shared.limits.page)?;
    let tags = shared.store.tags(name)?.iter().map(ToString::to_string).collect();
    let (tags, link) = page.cut(&call.path, tags);
    let reply = Reply::new(StatusCode::OK).json(&json!({ "name": name.as_str(), "tags": tags }));
    Ok(link.into_iter().fold(reply, |reply, link| reply.header(header::LINK, link)))
}
