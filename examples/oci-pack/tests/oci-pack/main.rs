//! What `oci-pack` promises.
#![allow(clippy::unwrap_used)]

mod oracles;
mod pack;
