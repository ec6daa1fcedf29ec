//! What the tests of several packages share: what they need of the machine, running programs, comparing trees of
//! files, collecting events, and Debian's registry and containerd.
//!
//! What goes wrong here is a failed test: it panics.
#![allow(clippy::unwrap_used)]

mod chain;
pub mod containerd;
pub mod docker_registry;
pub mod events;
pub mod mount;
pub mod need;
pub mod program;
pub mod tar;
pub mod tree;

pub use chain::chain;

/// A directory to test in, in memory where there is such a place: syncing it costs nothing there.
pub fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
