#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - `unpack` (module and function): layers to a tree; `unpack::OverlayStore`: layers to the
//!   directories of an overlay; `unpack_bundle`: an image to a directory that a runtime takes.
//! - `pack` (module and function): a tree, or what differs between two, to a layer.
//! - [`Root`]: paths that stay inside a directory.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod root;

#[cfg(all(feature = "layers", target_os = "linux"))]
mod bundle;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod owner_xattr;
#[cfg(all(feature = "layers", target_os = "linux"))]
pub mod pack;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod progress;
#[cfg(all(feature = "layers", target_os = "linux", feature = "tracing"))]
mod trace;
#[cfg(all(feature = "layers", target_os = "linux", not(feature = "tracing")))]
#[path = "trace/off.rs"]
mod trace;
#[cfg(all(feature = "layers", target_os = "linux"))]
pub mod unpack;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod xattr_filter;

pub use root::{Resolver, Root};

#[cfg(all(feature = "layers", target_os = "linux"))]
pub use self::{
    bundle::{UnpackedBundle, unpack_bundle},
    pack::{PackError, PackErrorKind, PackOptions, pack},
    unpack::{UnpackError, UnpackErrorKind, UnpackOptions, Unpacked, unpack},
    xattr_filter::XattrFilter,
};
