#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod bundle;
#[cfg(target_os = "linux")]
pub mod pack;
#[cfg(target_os = "linux")]
mod progress;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
pub mod unpack;
#[cfg(target_os = "linux")]
mod xattr_filter;

#[cfg(target_os = "linux")]
pub use bundle::{UnpackedBundle, unpack_bundle};
#[cfg(target_os = "linux")]
pub use pack::{PackError, PackErrorKind, PackOptions, pack};
#[cfg(target_os = "linux")]
pub use root::Root;
#[cfg(target_os = "linux")]
pub use unpack::{UnpackError, UnpackErrorKind, UnpackOptions, Unpacked, unpack};
#[cfg(target_os = "linux")]
pub use xattr_filter::XattrFilter;
