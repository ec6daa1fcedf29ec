//! The contracts of [`BlobSource`], [`BlobSink`](super::BlobSink) and its writers as checks that any store
//! can run in its tests.
//!
//! [`source`] and [`sink`] are for every store, [`resume`] for those that keep what was written of a blob,
//! [`parts`] for those that take a blob in parts. Each returns the first claim that does not hold. The blobs
//! that they write are small, and the same at each call: give each call a store of its own.
//!
//! ```
//! use oci_image::blob::{Memory, conformance};
//!
//! conformance::sink(&Memory::new())?;
//! let store = Memory::new();
//! conformance::resume(|| &store)?;
//! # Ok::<(), conformance::Violation>(())
//! ```

mod parts;
mod resume;
mod sink;
mod source;

use std::io::{self, Read};

pub use parts::parts;
pub use resume::resume;
pub use sink::sink;
pub use source::source;

use super::{BlobSource, BlobWriter};
use crate::{Descriptor, MediaType};

/// A claim of a contract that a store does not keep.
#[derive(Debug, thiserror::Error)]
#[error("the store does not keep its contract: {claim}: {found}")]
#[non_exhaustive]
pub struct Violation {
    /// What is true of every store.
    pub claim: &'static str,
    /// What was found.
    pub found: String,
}

fn violation(claim: &'static str, found: impl Into<String>) -> Violation {
    Violation { claim, found: found.into() }
}

/// Of the claim, a result that must be right.
fn right<T>(claim: &'static str, result: io::Result<T>) -> Result<T, Violation> {
    result.map_err(|error| violation(claim, format!("{error} ({:?})", error.kind())))
}

fn ensure(
    claim: &'static str,
    holds: bool,
    found: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(violation(claim, found())) }
}

/// A writer of a blob that is not there.
fn begun<W>(claim: &'static str, result: io::Result<Option<W>>) -> Result<W, Violation> {
    right(claim, result)?.ok_or_else(|| violation(claim, "the sink says that it has the blob"))
}

/// Content of `size` bytes that differs by `seed`, and its descriptor.
fn content(seed: u8, size: usize) -> (Descriptor, Vec<u8>) {
    let bytes: Vec<u8> = (0..size).map(|at| (at / 7 + at * at) as u8 ^ seed).collect();
    (Descriptor::of(MediaType::from("application/octet-stream"), &bytes), bytes)
}

/// All bytes of a blob, or `None` if there is none.
fn read<S: BlobSource + ?Sized>(store: &S, blob: &Descriptor) -> io::Result<Option<Vec<u8>>> {
    let Some(mut reader) = store.open(blob)? else { return Ok(None) };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn is_there<S: BlobSource + ?Sized>(
    claim: &'static str,
    store: &S,
    blob: &Descriptor,
    content: &[u8],
) -> Result<(), Violation> {
    match right(claim, read(store, blob))? {
        Some(bytes) => ensure(claim, bytes == content, || {
            format!("{} bytes were read that are not those written", bytes.len())
        }),
        None => Err(violation(claim, "the blob is missing")),
    }
}

fn is_absent<S: BlobSource + ?Sized>(
    claim: &'static str,
    store: &S,
    blob: &Descriptor,
) -> Result<(), Violation> {
    let bytes = right(claim, read(store, blob))?;
    ensure(claim, bytes.is_none(), || "the blob is visible".into())
}

/// Writes `content` and expects that the sink refuses it, at the latest when it is committed.
fn is_refused(
    claim: &'static str,
    mut writer: Box<dyn BlobWriter + '_>,
    content: &[u8],
) -> Result<(), Violation> {
    let outcome = writer.write_all(content).and_then(|()| writer.commit());
    ensure(claim, outcome.is_err(), || "the sink committed it".into())
}
