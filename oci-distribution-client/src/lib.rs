#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod header;
pub mod transport;

mod auth;
mod blob;
mod bridge;
mod call;
mod client;
mod config;
mod copy;
mod delete;
mod error;
mod graph;
mod jobs;
mod limits;
mod list;
mod manifest;
mod mirror;
mod origin;
mod progress;
mod pull;
mod push;
mod referrers;
mod repository;
mod retry;
mod text;
mod upload;
mod wire;

pub use auth::Credentials;
pub use blob::BlobReader;
pub use client::{Client, Warning};
pub use config::Config;
pub use copy::Copy;
pub use error::{Error, ErrorKind, RegistryError};
pub use limits::Limits;
pub use manifest::Resolved;
pub use progress::{Event, Step, Summary};
pub use pull::Pull;
pub use push::Push;
pub use referrers::referrers_tag;
pub use repository::Repository;
pub use retry::Retry;
