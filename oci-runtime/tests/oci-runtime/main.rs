//! What the crate promises.
#![allow(clippy::unwrap_used)]

mod spec;
