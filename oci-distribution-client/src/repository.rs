use std::fmt;
use std::sync::Arc;

use http::Method;
use oci_image::{Digest, Reference};
use url::Url;

use crate::auth::{Access, Scopes};
use crate::call::Call;
use crate::client::{Registry, Shared};
use crate::error::{Error, ErrorKind};

/// One repository of a registry: what images are pulled from and pushed to.
///
/// A clone is a handle to the same repository.
#[derive(Clone)]
pub struct Repository {
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Arc<Registry>,
    name: String,
    pub(crate) mirrors: Arc<[Self]>,
    /// If this is a repository of a mirror: of which registry.
    upstream: Option<Arc<str>>,
}

impl Repository {
    pub(crate) fn new(shared: Arc<Shared>, registry: Arc<Registry>, name: String) -> Self {
        Self { shared, registry, name, mirrors: Arc::new([]), upstream: None }
    }

    pub(crate) fn with_mirrors(mut self, mirrors: Vec<Self>) -> Self {
        self.mirrors = mirrors.into();
        self
    }

    pub(crate) fn mirror_of(mut self, registry: &str) -> Self {
        self.upstream = Some(registry.into());
        self
    }

    pub(crate) fn is_mirror(&self) -> bool {
        self.upstream.is_some()
    }

    /// The registry's name, a host with an optional port.
    pub fn registry(&self) -> &str {
        &self.registry.name
    }

    /// The name in the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of `path` in the repository. `path` has no character that a URL would change.
    pub(crate) fn url(&self, path: fmt::Arguments<'_>) -> Url {
        let mut url = self.registry.base.clone();
        url.set_path(&format!("/v2/{}/{path}", self.name));
        if let Some(upstream) = &self.upstream {
            url.query_pairs_mut().append_pair("ns", upstream);
        }
        url
    }

    pub(crate) fn call<'a>(
        &'a self,
        method: Method,
        url: Url,
        access: Access,
        action: &'a str,
    ) -> Call<'a> {
        self.call_with(method, url, Scopes::of(&self.name, access), action)
    }

    pub(crate) fn call_with<'a>(
        &'a self,
        method: Method,
        url: Url,
        scopes: Scopes,
        action: &'a str,
    ) -> Call<'a> {
        let call = Call::new(&self.shared, &self.registry, &self.name, scopes, method, url, action);
        // Instead of being asked again it is passed over.
        if self.is_mirror() { call.once() } else { call }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry.name, self.name)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({self})")
    }
}

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Tag(String),
    Digest(Digest),
}

impl Name {
    /// Reads a tag or a digest; a digest has a colon, a tag has none.
    pub(crate) fn parse(text: &str, action: &str) -> Result<Self, Error> {
        let error = || Error::new(ErrorKind::Configuration, action);
        if text.contains(':') {
            let digest = text.parse().map_err(|source| error().with_source(source))?;
            return Ok(Self::Digest(digest));
        }
        if !Reference::is_tag(text) {
            return Err(error().because(format!(
                "`{}` is neither a tag nor a digest",
                crate::text::printable(text, 200)
            )));
        }
        Ok(Self::Tag(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => f.write_str(digest.as_str()),
        }
    }
}
