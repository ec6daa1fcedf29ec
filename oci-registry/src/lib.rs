#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod store;

mod auth;
mod body;
mod faults;
mod incoming;
mod limits;
mod name;
mod page;
mod percent;
mod query;
mod range;
mod refusal;
mod reply;
mod route;
mod routes;
mod server;
mod service;
mod sessions;

pub use auth::{Action, Auth, Grant};
pub use body::Body;
pub use faults::{Disconnect, Fault};
pub use limits::Limits;
pub use name::{NameError, RepositoryName, Tag};
pub use server::{ConnectionError, Serve, Server, serve};
pub use service::Registry;
pub use store::Store;
