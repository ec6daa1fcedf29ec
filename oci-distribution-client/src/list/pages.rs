use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, header};
use oci_image::RepositoryName;
use oci_image::distribution::target_of_next;
use url::Url;

use crate::auth::{Access, Scopes};
use crate::call::{Answer, Call};
use crate::error::{Error, ErrorKind};
use crate::origin::Origin;
use crate::registry::Registry;
use crate::repository::Repository;
use crate::retry::Retries;
use crate::shared::Shared;

/// The pages of a list, by the links from one to the next.
pub(crate) struct Pages {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    repository: Option<RepositoryName>,
    scopes: Scopes,
    action: String,
    /// What the path of the first page ends with, if a redirect may lead to something else.
    end: Option<String>,
    next: Option<Url>,
    seen: HashSet<Url>,
    bytes: u64,
    /// Where its requests tell what they retry.
    retries: Retries,
}

impl Pages {
    /// A list of a repository that begins at `first`.
    pub(crate) fn of(repository: &Repository, first: Url, action: impl Into<String>) -> Self {
        let Repository { shared, registry, retries, .. } = repository;
        let scopes = Scopes::of(repository.name(), Access::Pull);
        let pages = Self::of_registry(shared, registry, first, scopes, action.into());
        let (repository, retries) = (Some(repository.name().clone()), retries.clone());
        Self { repository, retries, ..pages }
    }

    /// A list of a registry that begins at `first`.
    pub(crate) fn of_registry(
        shared: &Arc<Shared>,
        registry: &Arc<Registry>,
        first: Url,
        scopes: Scopes,
        action: String,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            registry: Arc::clone(registry),
            repository: None,
            scopes,
            action,
            end: None,
            next: Some(first),
            seen: HashSet::new(),
            bytes: 0,
            retries: Retries::default(),
        }
    }

    /// What fails where the first page was redirected to a path that does not end so is of kind
    /// [`Unsupported`](ErrorKind::Unsupported).
    pub(crate) fn ending_with(self, end: String) -> Self {
        Self { end: Some(end), ..self }
    }

    /// Adds to the query of the first page.
    pub(crate) fn ask(&mut self, name: &str, value: &str) {
        if let Some(first) = &mut self.next {
            first.query_pairs_mut().append_pair(name, value);
        }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self, accept: &str) -> Result<Option<(Answer, Bytes)>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let limits = &self.shared.wire.limits;
        if self.seen.len() >= limits.pages {
            return Err(self.too_long(format_args!("{} pages", limits.pages)));
        }
        if !self.seen.insert(url.clone()) {
            return Err(self.protocol("the pages go round in a circle"));
        }
        // A link to the next one may have another form.
        let end = self.end.take();
        let call = self.call(&url).header(header::ACCEPT, accept);
        let call = match &end {
            Some(end) => call.ending_with(end),
            None => call,
        };
        let (answer, page) = call.read(limits.page).await?;
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

    fn call(&self, url: &Url) -> Call<'_> {
        let Self { shared, registry, repository, scopes, action, .. } = self;
        let (repository, scopes, url) = (repository.as_ref(), scopes.clone(), url.clone());
        let call = Call::new(shared, registry, repository, scopes, Method::GET, url, action);
        call.telling(&self.retries)
    }

    /// A next page is on the same server: no other may answer for it.
    fn follow(&self, from: &Url, link: &str) -> Result<Url, Error> {
        let to = self.shared.follow(from, link).map_err(|reason| {
            self.protocol(&format!("the link to the next page is refused: {reason}"))
        })?;
        if Origin::of(from) != Origin::of(&to) {
            return Err(self.protocol("the link to the next page points to another server"));
        }
        Ok(to)
    }

    /// Notes that an entry is left out.
    pub(crate) fn warn(&self, reason: &dyn fmt::Display) {
        let list = self.action.strip_prefix("list ").unwrap_or(&self.action);
        self.shared.warnings.add(&self.registry.name, &format!("the list of {list}: {reason}"));
    }

    fn too_long(&self, limit: fmt::Arguments<'_>) -> Error {
        Error::new(ErrorKind::Limit, &*self.action).because(format!("there are more than {limit}"))
    }

    /// A page is not what the list consists of.
    pub(crate) fn unreadable(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.protocol("the list cannot be read").with_source(source)
    }

    fn protocol(&self, reason: &str) -> Error {
        Error::new(ErrorKind::Protocol, &*self.action).because(reason)
    }
}
