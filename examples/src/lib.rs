//! What the examples share: small root filesystems, and the state of a process to compare.

pub mod elf;
pub mod process_state;
pub mod rootfs;

/// The programs of the README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
