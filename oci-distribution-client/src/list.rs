mod pages;

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;

use futures_util::stream::{Stream, try_unfold};
use oci_image::distribution::{Endpoint, query};
use oci_image::reference::NameError;
use oci_image::{RepositoryName, Tag};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::repository::Repository;
use crate::transport::BoxFuture;

pub(crate) use pages::Pages;

/// A list of a registry: the tags of a repository, or its repositories. Awaited, it gives all entries; as
/// [`pages`](Self::pages), one page after the other.
///
/// Entries are in the registry's order. What is not a tag or not a name is left out, with a
/// [warning](crate::Client::warnings).
#[must_use = "nothing is listed before it is awaited"]
pub struct List {
    pages: Pages,
    entries: Entries,
}

/// What a list has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entries {
    Tags,
    Repositories,
}

impl Repository {
    /// The tags.
    ///
    /// # Errors
    /// Of kind [`NotFound`](crate::ErrorKind::NotFound) if there is no such repository,
    /// [`Limit`](crate::ErrorKind::Limit) if the list is longer than [`Limits::pages`](crate::Limits::pages)
    /// and [`Limits::list`](crate::Limits::list) allow.
    pub fn tags(&self) -> List {
        let action = format!("list the tags of `{self}`");
        let source = self.source();
        let first = source.url(&Endpoint::Tags(source.name().clone()));
        List::new(Pages::of(source, first, action), Entries::Tags)
    }
}

impl List {
    pub(crate) fn new(pages: Pages, entries: Entries) -> Self {
        Self { pages, entries }
    }

    /// Asks for pages of at most this many entries; registries may give fewer, and some give more.
    pub fn page_size(mut self, entries: u32) -> Self {
        self.pages.ask(query::N, &entries.to_string());
        self
    }

    /// Asks for the entries after `last`, in the registry's order, which need not be in the list.
    pub fn after(mut self, last: &str) -> Self {
        self.pages.ask(query::LAST, last);
        self
    }

    /// The pages, each requested when it is polled for. It ends after the first error.
    pub fn pages(self) -> impl Stream<Item = Result<Vec<String>, Error>> + Send + Unpin + 'static {
        Box::pin(try_unfold(self, async |mut list| {
            let page = list.next_page().await?;
            Ok(page.map(|page| (page, list)))
        }))
    }

    async fn all(mut self) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }

    async fn next_page(&mut self) -> Result<Option<Vec<String>>, Error> {
        let Some((_, page)) = self.pages.next("application/json").await? else { return Ok(None) };
        // Some registries write `null` for none; what has no such member at all is not a list.
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_slice(&page).map_err(|source| self.pages.unreadable(source))?;
        let entries = members.get(self.entries.member()).map_or("", |member| member.get());
        let entries: Option<Vec<String>> =
            serde_json::from_str(entries).map_err(|source| self.pages.unreadable(source))?;
        let mut page = entries.unwrap_or_default();
        page.retain(|entry| match self.entries.check(entry) {
            Ok(()) => true,
            Err(error) => {
                self.pages.warn(&error);
                false
            }
        });
        Ok(Some(page))
    }
}

impl IntoFuture for List {
    type Output = Result<Vec<String>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.all())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl Entries {
    fn member(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Repositories => "repositories",
        }
    }

    fn check(self, entry: &str) -> Result<(), NameError> {
        match self {
            Self::Tags => entry.parse::<Tag>().map(drop),
            Self::Repositories => entry.parse::<RepositoryName>().map(drop),
        }
    }
}
