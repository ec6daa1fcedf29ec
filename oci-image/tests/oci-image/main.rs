//! What the crate promises.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "layers")]
mod artifacts;
mod build;
#[cfg(feature = "oci-spec")]
mod compat;
mod config;
mod distribution;
mod docker;
mod document;
mod json;
#[cfg(feature = "layers")]
mod layer;
mod media_type;
mod platform;
mod properties;
mod reference;
mod skopeo;
mod validate;
