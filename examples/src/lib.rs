//! What the examples share: making root filesystems, and telling what a process is.

pub mod elf;
pub mod process_state;
pub mod rootfs;

/// The programs of the README, which are run as they stand.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
