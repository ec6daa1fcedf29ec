#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - **Layers to a tree**: `unpack` (module and function), and `unpack_bundle` for the directory that a runtime takes. In the
//!   source, `unpack/apply.rs` applies one change and `unpack/parents.rs` finds the directory for it.
//! - **Layers to the directories of an overlay**: `unpack::OverlayStore`; `unpack/form.rs` has the whiteouts.
//! - **A tree, or what differs between two, to a layer**: `pack` (module and function); `pack/changes.rs` compares.
//! - **Paths that stay inside a directory**: [`Root`]; `root/resolve.rs` chooses between `root/openat2.rs` and
//!   `root/by_component.rs`, and `root/remove.rs` removes trees.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

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
