//! What `oci-serve` promises.
#![allow(clippy::unwrap_used)]

mod access;
mod clients;
mod proxy;
mod server;
mod settings;
mod stop;
mod stores;
