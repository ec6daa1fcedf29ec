#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - **A layout**: [`Layout`], opened with [`LayoutOptions`]; in the source, `layout.rs` opens it, `index.rs` changes names, and
//!   `blob.rs` reads and writes blobs, with `partial.rs` for those that are resumed.
//! - **Crashes and other processes**: in the source, `session.rs` has the order of write, sync and rename, `lock.rs` who waits for
//!   whom, and `files/disk.rs` the system calls. `crash.rs` is the test that stops after each of them.
//! - **Upkeep**: [`Layout::collect_garbage`] (`gc.rs`), [`Layout::fsck`] and [`Layout::repair`] (`fsck.rs`).
//! - **Images into it**: [`Layout::put_image`], [`Layout::copy_from`], [`recompress`].
//! - **Artifacts**: [`ArtifactFiles`] to push, [`ArtifactDirectory`] to pull to, [`Layout::write_artifact`] (`artifact.rs`).
//! - **Archives**: [`Archive`] and [`ArchiveWriter`], [`DockerArchive`] and [`DockerArchiveWriter`] (`archive.rs`).
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod archive;
mod artifact;
mod blob;
mod copy;
#[cfg(test)]
mod crash;
mod edit;
mod error;
mod files;
mod fsck;
mod gc;
mod index;
mod layout;
mod lock;
mod options;
mod partial;
mod put;
mod recompress;
mod session;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "trace/off.rs"]
mod trace;

pub use archive::{Archive, ArchiveWriter, DockerArchive, DockerArchiveWriter, DockerForm};
pub use artifact::{ArtifactDirectory, ArtifactFiles};
pub use edit::{flatten, put_layer, rewrite, squash};
pub use error::{Error, ErrorKind};
pub use fsck::{Fault, FaultKind};
pub use gc::Garbage;
pub use index::INDEX_LIMIT;
pub use layout::Layout;
pub use oci_image::blob::Durability;
pub use options::{LayoutOptions, PartialLimits, Reuse};
pub use put::Stored;
pub use recompress::recompress;
