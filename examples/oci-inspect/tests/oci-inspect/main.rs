//! What `oci-inspect` promises.
#![allow(clippy::unwrap_used)]

mod edit;
mod inspect;
mod peers;
mod store;
