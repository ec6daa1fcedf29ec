//! What `oci-serve` promises.
#![allow(clippy::unwrap_used)]

mod clients;
mod server;
mod settings;
mod stop;
