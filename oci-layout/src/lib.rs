#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod archive;
mod blob;
mod copy;
#[cfg(test)]
mod crash;
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

pub use archive::{Archive, ArchiveWriter, DockerArchive, DockerArchiveWriter, DockerForm};
pub use error::{Error, ErrorKind};
pub use fsck::{Fault, FaultKind};
pub use gc::Garbage;
pub use index::INDEX_LIMIT;
pub use layout::Layout;
pub use options::{Durability, LayoutOptions, PartialLimits, Reuse};
pub use put::Stored;
pub use recompress::recompress;
