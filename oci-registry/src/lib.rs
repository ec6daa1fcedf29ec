#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

// Where to look:
//   server    listening, the builder `Serve`; connection: what requests share that one connection brings
//   service   one request: route, authorization, dispatch, reply
//   registry  the handle, with what all requests share; call: what routes see of a request
//   route     from a path to what it names; routes/ carries each out
//   places    what clients make the server keep, shared out among them
//   sessions  upload sessions; upload: what was received; incoming reads request bodies within limits
//   store     what is kept, over a backend: memory, directory, or one of the caller's
//   access    the one point at which requests are let through; auth: users, robots, grants, tokens, challenges
//   faults    what goes wrong on demand; dialect: how known registries differ, as faults and settings
//   proxy     content of other registries, kept here
//   browser   the web page
//   refusal   errors as answers; reply, page, query: answers, pages of lists, parameters
//   trace     events; exchange: what was answered, for a log; event: what content it concerned

pub mod store;

mod access;
mod auth;
mod body;
mod browser;
mod call;
mod conditions;
mod connection;
mod dialect;
mod event;
mod exchange;
mod faults;
mod host;
mod immutable;
mod incoming;
mod limits;
mod listener;
mod listening;
mod page;
mod places;
mod proxy;
mod query;
mod refusal;
mod registry;
mod reply;
mod route;
mod routes;
mod server;
mod service;
mod sessions;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "trace/off.rs"]
mod trace;
mod upload;

pub use bytes;
pub use http;
#[cfg(feature = "object-store")]
pub use object_store;
pub use oci_image::{RepositoryName, Tag};

pub use access::{Access, Authorize, Caller, Decision, Denied, Rule, Rules};
pub use auth::{Action, Auth, Grant, Robot};
#[cfg(feature = "htpasswd")]
pub use auth::{Htpasswd, HtpasswdError};
#[cfg(feature = "jwt")]
pub use auth::{JwtKeys, JwtKeysError, JwtSigner, JwtSignerError};
pub use body::Body;
pub use connection::Peer;
pub use dialect::{Dialect, Quirk};
pub use event::{Event, EventAction};
pub use exchange::Exchange;
pub use faults::{Disconnect, Fault};
pub use limits::Limits;
pub use listener::Listener;
#[cfg(feature = "tls")]
pub use listener::{Tls, TlsError};
pub use listening::{ConnectionError, Listening};
pub use proxy::{BoxFuture, Upstream};
pub use registry::Registry;
pub use server::{Serve, Server, serve};
pub use store::Store;
