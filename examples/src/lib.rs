//! What the programs share: naming images, making root filesystems, telling what happens,
//! and the registry that tests and benchmarks run beside ours.

pub mod conformance;
pub mod docker_registry;
pub mod elf;
pub mod image_name;
pub mod inspect;
pub mod local;
pub mod process_state;
pub mod report;
pub mod rootfs;

/// The programs of the README, which are run as they stand.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
