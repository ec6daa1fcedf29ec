//! What the crate promises.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod container;
mod plan;
mod spec;
