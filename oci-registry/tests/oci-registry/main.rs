//! The registry, asked over HTTP by a client that is none of ours.
#![allow(clippy::unwrap_used)]

mod access;
mod attacks;
mod auth;
mod backends;
mod browser;
mod client;
mod collect;
mod costs;
mod delete;
mod dialect;
mod discovery;
mod errors;
#[cfg(feature = "tracing")]
mod events;
mod faults;
mod hostile;
#[cfg(feature = "htpasswd")]
mod htpasswd;
#[cfg(feature = "jwt")]
mod jwt;
mod manifests;
mod notifications;
mod peers;
mod proxy;
mod pull;
mod push;
mod replicas;
mod serving;
mod store;
