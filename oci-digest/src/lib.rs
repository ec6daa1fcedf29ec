#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - **Text to a digest and back**: [`Digest`]; in the source, `digest.rs` has the grammar and `algorithm.rs` what is registered.
//! - **Bytes to a digest**: [`Hasher`], and [`Digest::of`] for bytes in memory; in the source, `sha256/` has the ways to
//!   compute SHA-256.
//! - **Are these the bytes?** [`Digest::verify`] and its witness [`Verified`]; [`Verifier`] piece by piece; in the source,
//!   `io/` has the same over readers and writers.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod algorithm;
mod digest;
mod hasher;
#[cfg(feature = "std")]
mod io;
#[cfg(feature = "serde")]
mod serde;
mod sha256;
mod verified;
mod verifier;

pub use algorithm::Algorithm;
pub use digest::{Digest, ParseError};
pub use hasher::Hasher;
#[cfg(feature = "std")]
pub use io::{HashWriter, VerifyReader, VerifyWriter, verify_all};
pub use sha256::Implementation;
pub use verified::Verified;
pub use verifier::{Unverifiable, Verifier, VerifyError};
