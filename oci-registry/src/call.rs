use std::sync::Arc;

use http::{HeaderMap, Method, request};

use crate::auth::Identity;
use crate::connection::Connection;
use crate::query::Query;

/// What was asked for, as logs show it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
}

/// The part of a request that handlers look at.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Query,
    pub(crate) identity: Arc<Identity>,
    /// The one that brought it, if it was not handed over without any.
    pub(crate) connection: Option<Connection>,
}

impl Call {
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { method: &self.method, path: &self.path }
    }
}

impl<'a> Asked<'a> {
    pub(crate) fn of(head: &'a request::Parts) -> Self {
        Self { method: &head.method, path: head.uri.path() }
    }
}
