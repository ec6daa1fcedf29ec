//! What the tests of several packages share: running programs, comparing trees of files, and Debian's registry.
//!
//! What goes wrong here is a failed test: it panics.
#![allow(clippy::unwrap_used)]

pub mod docker_registry;
pub mod program;
pub mod tree;
