use std::fmt;

use oci_image::reference::RegistryName;
use url::{Host, Url};

/// Scheme, host and port of a URL: what a credential belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: String,
    host: Host,
    port: u16,
}

impl Origin {
    /// The origin of `url`, if that is an http or https URL.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// The origin of a registry that is asked over http.
    pub(crate) fn plain(registry: &RegistryName) -> Option<Self> {
        Self::of(&base("http", registry)?)
    }

    /// The origin of a registry that is asked over https.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "for the default transport"))]
    pub(crate) fn secure(registry: &RegistryName) -> Option<Self> {
        Self::of(&base("https", registry)?)
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }

    /// Whether the host is this machine, by its address or by being exactly `localhost`.
    pub(crate) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Where the server of a registry is.
pub(crate) fn base(scheme: &str, registry: &RegistryName) -> Option<Url> {
    // The name in references is not that of the server.
    let host = match *registry == RegistryName::DOCKER {
        true => "registry-1.docker.io",
        false => registry.as_str(),
    };
    Url::parse(&format!("{scheme}://{host}/")).ok()
}

/// `url` without what may hold secrets: user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail only for URLs that have no host, which hold no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    crate::text::printable(url.as_str(), 1024)
}
