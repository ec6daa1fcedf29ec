use std::path::PathBuf;
use std::time::Duration;

use oci_image::blob::Durability;

/// How a layout is opened. The defaults are the safest.
///
/// ```
/// use oci_layout::{Durability, LayoutOptions};
///
/// let directory = tempfile::tempdir()?;
/// let layout = LayoutOptions::new()
///     .durability(Durability::Relaxed)
///     .create(directory.path().join("cache"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct LayoutOptions {
    pub(crate) durability: Durability,
    pub(crate) reuse: Reuse,
    pub(crate) partials: PartialLimits,
    pub(crate) shared_blobs: Option<PathBuf>,
}

/// When a blob that is there already is not written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reuse {
    /// If its content was read and is right; otherwise it is replaced.
    #[default]
    Verified,
    /// If its size is right: faster, and other damage is not noticed. Every read still verifies.
    SizeOnly,
}

/// What is kept of blobs that were not written whole, to be [resumed](oci_image::blob::BlobSink::resume).
///
/// Over a limit the oldest are removed, by the next writer that resumes or keeps one. Those that a writer holds
/// are neither counted nor removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialLimits {
    /// How many are kept. Default: 64.
    pub number: usize,
    /// How large they are together, in bytes, with the gaps in them. Default: 32 GiB.
    pub bytes: u64,
    /// How long they are kept after they were last written to. Default: 7 days.
    pub age: Duration,
}

impl Default for PartialLimits {
    fn default() -> Self {
        Self { number: 64, bytes: 32 << 30, age: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

impl LayoutOptions {
    /// Synced, verified, with blobs of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is guaranteed when a write has returned.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// When a blob that is there already is not written again.
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// What is kept of blobs that were not written whole.
    pub fn partials(mut self, limits: PartialLimits) -> Self {
        self.partials = limits;
        self
    }

    /// Keeps the blobs in another directory, which must exist, as `<algorithm>/<encoded>`.
    ///
    /// Several layouts may share it; each of them must be opened with this option. A layout does not know what the
    /// others use: [`Layout::collect_shared_garbage`](crate::Layout::collect_shared_garbage) takes all of
    /// them.
    pub fn shared_blobs(mut self, directory: impl Into<PathBuf>) -> Self {
        self.shared_blobs = Some(directory.into());
        self
    }
}
