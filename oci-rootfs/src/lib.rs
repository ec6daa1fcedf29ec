#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(all(feature = "layers", target_os = "linux"))]
mod bundle;
#[cfg(all(feature = "layers", target_os = "linux"))]
pub mod pack;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod progress;
mod root;
#[cfg(all(feature = "layers", target_os = "linux"))]
pub mod unpack;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod xattr_filter;

#[cfg(all(feature = "layers", target_os = "linux"))]
pub use bundle::{UnpackedBundle, unpack_bundle};
#[cfg(all(feature = "layers", target_os = "linux"))]
pub use pack::{PackError, PackErrorKind, PackOptions, pack};
pub use root::{Resolver, Root};
#[cfg(all(feature = "layers", target_os = "linux"))]
pub use unpack::{UnpackError, UnpackErrorKind, UnpackOptions, Unpacked, unpack};
#[cfg(all(feature = "layers", target_os = "linux"))]
pub use xattr_filter::XattrFilter;
