//! What the crate promises.
#![allow(clippy::unwrap_used)]

mod archive;
#[cfg(feature = "layers")]
mod artifacts;
mod blob;
mod build;
mod choice;
#[cfg(feature = "oci-spec")]
mod compat;
mod config;
mod distribution;
mod docker;
mod document;
mod graph;
mod headers;
mod json;
#[cfg(feature = "layers")]
mod layer;
mod media_type;
mod platform;
mod properties;
#[cfg_attr(not(feature = "layers"), allow(dead_code))] // a part is for layers alone
mod raw;
mod reference;
mod skopeo;
mod validate;
