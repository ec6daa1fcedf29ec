//! What the default transport is made with.

use zeroize::Zeroizing;

/// Certificates beside those of the operating system.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) identity: Option<Identity>,
}

/// A client certificate with its key, both PEM.
#[derive(Clone)]
#[cfg_attr(not(feature = "reqwest"), expect(dead_code, reason = "for the default transport"))]
pub(crate) struct Identity {
    pub(crate) chain: Vec<u8>,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// URLs of proxies; they may hold a password.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "reqwest"), expect(dead_code, reason = "for the default transport"))]
pub(crate) struct Proxies {
    pub(crate) http: Option<String>,
    pub(crate) https: Option<String>,
    pub(crate) except: Option<String>,
}
