//! What `oci-unpack` promises.
#![allow(clippy::unwrap_used)]

mod umoci;
mod unpack;
