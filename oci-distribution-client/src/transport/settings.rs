//! What the default transport is made with.

/// URLs of proxies; they may hold a password.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "reqwest"), expect(dead_code, reason = "for the default transport"))]
pub(crate) struct Proxies {
    pub(crate) http: Option<String>,
    pub(crate) https: Option<String>,
    pub(crate) except: Option<String>,
}
