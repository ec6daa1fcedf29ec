//! What the crate promises.
#![allow(clippy::unwrap_used)]

mod bundle;
#[cfg(feature = "oci-spec")]
mod compat;
#[cfg(target_os = "linux")]
mod container;
mod features;
mod plan;
mod spec;
