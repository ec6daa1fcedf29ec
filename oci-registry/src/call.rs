use http::{HeaderMap, Method};

use crate::auth::Identity;
use crate::connection::Connection;
use crate::query::Query;

/// The part of a request that handlers look at.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Query,
    pub(crate) identity: Identity,
    /// The one that brought it, if it was not handed over without any.
    pub(crate) connection: Option<Connection>,
}
