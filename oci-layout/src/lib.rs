#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod archive;
mod blob;
#[cfg(target_os = "linux")]
mod bundle;
mod copy;
#[cfg(test)]
mod crash;
mod error;
mod files;
mod fsck;
mod gc;
mod image;
mod index;
mod layout;
mod lock;
mod options;
#[cfg(target_os = "linux")]
pub mod pack;
#[cfg(target_os = "linux")]
mod progress;
mod put;
mod recompress;
mod resolve;
#[cfg(target_os = "linux")]
mod root;
mod select;
mod session;
#[cfg(target_os = "linux")]
pub mod unpack;
mod walk;
#[cfg(target_os = "linux")]
mod xattr_filter;

pub use archive::{Archive, ArchiveWriter, DockerArchive, DockerArchiveWriter, DockerForm};
#[cfg(target_os = "linux")]
pub use bundle::UnpackedBundle;
pub use error::{Error, ErrorKind};
pub use fsck::{Fault, FaultKind};
pub use gc::Garbage;
pub use image::Image;
pub use index::{Entry, INDEX_LIMIT};
pub use layout::Layout;
pub use options::{Durability, LayoutOptions, Reuse};
pub use put::Stored;
#[cfg(target_os = "linux")]
pub use root::Root;
#[cfg(target_os = "linux")]
pub use unpack::{UnpackError, UnpackErrorKind, UnpackOptions, Unpacked, unpack};
pub use walk::{DEPTH_LIMIT, DOCUMENT_COUNT_LIMIT, Node, Walk};
#[cfg(target_os = "linux")]
pub use xattr_filter::XattrFilter;
