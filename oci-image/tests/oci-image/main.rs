//! What the crate promises.
#![allow(clippy::unwrap_used)]

mod distribution;
mod document;
mod json;
mod platform;
mod reference;
mod layer;
mod reference;
