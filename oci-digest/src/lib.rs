#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod algorithm;
mod digest;
mod hasher;
#[cfg(feature = "std")]
mod io;
#[cfg(feature = "serde")]
mod serde;
mod verified;
mod verifier;

pub use algorithm::Algorithm;
pub use digest::{Digest, ParseError};
pub use hasher::Hasher;
#[cfg(feature = "std")]
pub use io::{HashWriter, VerifyReader, VerifyWriter};
pub use verified::Verified;
pub use verifier::{Unverifiable, Verifier, VerifyError};
