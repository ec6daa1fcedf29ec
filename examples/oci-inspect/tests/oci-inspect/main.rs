//! What `oci-inspect` promises.
#![allow(clippy::unwrap_used)]

mod inspect;
mod store;
