//! What the crate promises.
#![allow(clippy::unwrap_used)]

mod digest;
mod hasher;
#[cfg(feature = "std")]
mod io;
mod properties;
#[cfg(feature = "serde")]
mod serde;
mod sha256;
mod verified;
mod verifier;
#[cfg(feature = "std")]
mod verify_all;
#[cfg(feature = "std")]
mod writer;
