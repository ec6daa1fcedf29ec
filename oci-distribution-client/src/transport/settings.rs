/// URLs of proxies; they may hold a password.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "for the default transport"))]
pub(crate) struct Proxies {
    pub(crate) http: Option<String>,
    pub(crate) https: Option<String>,
    pub(crate) except: Option<String>,
    /// For one server each, or none for it.
    pub(crate) own: Vec<(String, Option<String>)>,
}
