//! The contract of a [`Backend`] as checks that any backend can run in its tests.
//!
//! [`blobs`] and [`records`] are for every backend, [`sessions`] for those whose uploads outlive the process. Each
//! returns the first claim that does not hold, and needs a backend that nothing was written to.
//!
//! ```
//! # async fn check(backend: &dyn oci_registry::store::Backend) -> Result<(), Box<dyn std::error::Error>> {
//! use oci_registry::store::conformance;
//!
//! conformance::blobs(backend).await?;
//! conformance::records(backend).await?;
//! # Ok(())
//! # }
//! ```

mod blobs;
mod records;
mod sessions;

use std::fmt::Debug;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use oci_digest::Digest;
use oci_image::RepositoryName;

pub use blobs::blobs;
pub use records::records;
pub use sessions::sessions;

use super::{Backend, Blob, Stage, pieces};

/// A claim of the contract that a backend does not keep.
#[derive(Debug, thiserror::Error)]
#[error("the backend does not keep its contract: {claim}: {found}")]
#[non_exhaustive]
pub struct Violation {
    /// What is true of every backend.
    pub claim: &'static str,
    /// What was found.
    pub found: String,
}

type Check<T = ()> = Result<T, Violation>;

fn right<T>(claim: &'static str, result: io::Result<T>) -> Check<T> {
    result.map_err(|error| Violation { claim, found: format!("{error} ({:?})", error.kind()) })
}

fn same<T: Debug + PartialEq>(claim: &'static str, found: T, expected: T) -> Check {
    if found == expected {
        return Ok(());
    }
    Err(Violation { claim, found: format!("{found:?} instead of {expected:?}") })
}

fn name(name: &str) -> Check<RepositoryName> {
    let found =
        |error| Violation { claim: "the suite uses valid names", found: format!("{error}") };
    name.parse().map_err(found)
}

/// Content that differs by `seed`.
fn content(seed: u8, size: usize) -> Bytes {
    (0..size).map(|at| (at / 7 + at * at) as u8 ^ seed).collect()
}

/// Writes a blob in two pieces.
async fn put(backend: &dyn Backend, name: &RepositoryName, bytes: &Bytes) -> io::Result<Digest> {
    let digest = Digest::sha256(bytes);
    let mut stage = backend.stage(None).await?;
    write(&mut *stage, bytes).await?;
    stage.commit(name, &digest).await?;
    Ok(digest)
}

async fn write(stage: &mut dyn Stage, bytes: &Bytes) -> io::Result<()> {
    let middle = bytes.len() / 2;
    stage.write(bytes.slice(..middle)).await?;
    stage.write(bytes.slice(middle..)).await
}

/// All bytes of a blob.
async fn read(blob: Blob) -> io::Result<Bytes> {
    let size = blob.size;
    read_part(blob, 0, size).await
}

async fn read_part(blob: Blob, first: u64, length: u64) -> io::Result<Bytes> {
    let pieces: Vec<Bytes> = pieces(blob, first, length).try_collect().await?;
    Ok(pieces.concat().into())
}

async fn get(
    backend: &dyn Backend,
    name: &RepositoryName,
    digest: &Digest,
) -> io::Result<Option<Bytes>> {
    match backend.open(name, digest).await? {
        Some(blob) => read(blob).await.map(Some),
        None => Ok(None),
    }
}

/// Clocks of stores may be as far from ours.
const SKEW: Duration = Duration::from_secs(60);

fn earlier() -> SystemTime {
    SystemTime::now() - SKEW
}

fn later() -> SystemTime {
    SystemTime::now() + SKEW
}
