//! Where a repository is: which servers are asked for it, and how.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use oci_image::reference::RegistryName;
use oci_image::{Reference, RepositoryName, TagOrDigest};

use crate::error::Error;
use crate::transport::Tls;

/// What knows where repositories are.
pub(crate) trait Places: fmt::Debug + Send + Sync {
    /// Where the repository of `image` is; `None` if nothing is known of it.
    ///
    /// # Errors
    /// If it may not be asked for, or if what is known of it cannot be used.
    fn route(&self, image: &Reference) -> Result<Option<Route>, Error>;

    /// The image that a name which names no registry stands for; `None` if nothing is known of such names.
    ///
    /// # Errors
    /// If it stands for nothing, or for several.
    fn reference(&self, name: &str) -> Result<Option<Reference>, Error> {
        let _ = name;
        Ok(None)
    }
}

/// Where one repository is.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// What is asked before it for what is read, the first first.
    pub(crate) mirrors: Vec<Place>,
    /// Where it is read, if not where it is written.
    pub(crate) source: Option<Place>,
    /// The server of its registry.
    pub(crate) server: Server,
}

impl Route {
    /// A registry on `server`, without mirrors.
    pub(crate) fn of(server: Server) -> Self {
        Self { mirrors: Vec::new(), source: None, server }
    }
}

/// A repository on a server.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) repository: RepositoryName,
    pub(crate) uses: Uses,
    /// Whether the server is told by the query `ns` which registry is meant.
    pub(crate) is_told: bool,
}

/// What a mirror is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uses {
    /// What tags mean.
    pub(crate) tags: bool,
    /// The content of what a tag meant.
    pub(crate) tagged: bool,
    /// What is named by its digest, and its content.
    pub(crate) digests: bool,
}

impl Uses {
    pub(crate) const ALL: Self = Self { tags: true, tagged: true, digests: true };

    /// Whether a mirror is asked for content that was resolved from `name`; without, that is a digest.
    pub(crate) fn has(self, name: Option<&TagOrDigest>) -> bool {
        match name {
            Some(TagOrDigest::Tag(_)) => self.tagged,
            Some(TagOrDigest::Digest(_)) | None => self.digests,
        }
    }

    /// Whether a mirror is asked what `name` means.
    pub(crate) fn resolves(self, name: &TagOrDigest) -> bool {
        match name {
            TagOrDigest::Tag(_) => self.tags,
            TagOrDigest::Digest(_) => self.digests,
        }
    }
}

/// A server, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its host as in the names of images: what credentials are found by.
    pub(crate) host: RegistryName,
    pub(crate) protocol: Protocol,
    /// What stands in its URLs in place of `/v2`.
    pub(crate) root: Option<String>,
    pub(crate) extra: Option<Arc<Extra>>,
}

/// What a server is asked with beside what all are.
#[derive(Debug)]
pub(crate) struct Extra {
    /// Sent to it alone.
    pub(crate) headers: HeaderMap,
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Https,
    Http,
    /// Over https with any certificate, or else over http.
    Insecure,
}

impl Server {
    pub(crate) fn new(host: RegistryName, protocol: Protocol) -> Self {
        Self { host, protocol, root: None, extra: None }
    }
}

/// What is extra is the same only if it is of the same reading of the same file.
impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        let is_same_extra = match (&self.extra, &other.extra) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        let parts = |server: &Self| (server.host.clone(), server.protocol, server.root.clone());
        is_same_extra && parts(self) == parts(other)
    }
}
