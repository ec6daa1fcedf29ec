use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{Method, header};
use oci_image::Tag;
use oci_image::distribution::{Endpoint, target_of_next};
use serde::Deserialize;
use url::Url;

use crate::auth::Access;
use crate::call::Answer;
use crate::error::{Error, ErrorKind};
use crate::origin::Origin;
use crate::repository::Repository;

impl Repository {
    /// All tags, in the registry's order. Entries that are not tags are left out, with a
    /// [warning](crate::Client::warnings).
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if there is no such repository,
    /// [`Limit`](ErrorKind::Limit) if the list is longer than [`Limits::pages`](crate::Limits::pages)
    /// and [`Limits::list`](crate::Limits::list) allow.
    pub async fn tags(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            // Some registries write `null` for none; what has no such member at all is not a list.
            #[serde(deserialize_with = "Option::deserialize")]
            tags: Option<Vec<String>>,
        }
        let action = format!("list the tags of `{self}`");
        let source = self.source();
        let url = source.url(&Endpoint::Tags(source.name().clone()));
        let mut pages = Pages::new(source, url, &action);
        let mut all = Vec::new();
        while let Some((_, page)) = pages.next("application/json").await? {
            let Page { tags } =
                serde_json::from_slice(&page).map_err(|source| pages.unreadable(source))?;
            let tags = tags.unwrap_or_default();
            for tag in tags {
                match tag.parse::<Tag>() {
                    Ok(_) => all.push(tag),
                    Err(error) => {
                        let text = format!("the list of the tags of `{self}`: {error}");
                        self.shared.warnings.add(&self.registry.name, &text);
                    }
                }
            }
        }
        Ok(all)
    }
}

/// The pages of a list, by the links from one to the next.
pub(crate) struct Pages<'a> {
    repository: &'a Repository,
    action: &'a str,
    next: Option<Url>,
    seen: HashSet<Url>,
    bytes: u64,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(repository: &'a Repository, first: Url, action: &'a str) -> Self {
        Self { repository, action, next: Some(first), seen: HashSet::new(), bytes: 0 }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self, accept: &str) -> Result<Option<(Answer, Bytes)>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let limits = &self.repository.shared.wire.limits;
        if self.seen.len() >= limits.pages {
            return Err(self.too_long(format_args!("{} pages", limits.pages)));
        }
        if !self.seen.insert(url.clone()) {
            return Err(self.protocol("the pages go round in a circle"));
        }
        let call = self.repository.call(Method::GET, url.clone(), Access::Pull, self.action);
        let (answer, page) = call.header(header::ACCEPT, accept).read(limits.page).await?;
        self.bytes = self.bytes.saturating_add(page.len() as u64);
        if self.bytes > limits.list {
            return Err(self.too_long(format_args!("{} bytes", limits.list)));
        }
        let links = answer.response.headers().get_all(header::LINK).iter();
        let mut links = links.filter_map(|value| target_of_next(value.to_str().ok()?));
        if let Some(link) = links.next() {
            self.next = Some(self.follow(&url, link)?);
        }
        Ok(Some((answer, page)))
    }

    /// A next page is on the same server: no other may answer for it.
    fn follow(&self, from: &Url, link: &str) -> Result<Url, Error> {
        let to = self.repository.shared.follow(from, link).map_err(|reason| {
            self.protocol(&format!("the link to the next page is refused: {reason}"))
        })?;
        if Origin::of(from) != Origin::of(&to) {
            return Err(self.protocol("the link to the next page points to another server"));
        }
        Ok(to)
    }

    fn too_long(&self, limit: fmt::Arguments<'_>) -> Error {
        Error::new(ErrorKind::Limit, self.action).because(format!("there are more than {limit}"))
    }

    /// A page is not what the list consists of.
    pub(crate) fn unreadable(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.protocol("the list cannot be read").with_source(source)
    }

    fn protocol(&self, reason: &str) -> Error {
        Error::new(ErrorKind::Protocol, self.action).because(reason)
    }
}
