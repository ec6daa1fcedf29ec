use super::CodecBy;
use crate::archive;

/// How much a layer, or a compressed archive, may ask of its reader, and what of it is believed. Each limit is the
/// largest value that is still accepted.
///
/// They contain those of plain archives, [`archive::Limits`](crate::archive::Limits). Those of a walk over documents are
/// [`graph::Limits`](crate::graph::Limits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// What its archive may ask.
    pub archive: archive::Limits,
    /// The size of the uncompressed archive in bytes: 256 GiB.
    pub total_bytes: u64,
    /// How many times larger than the compressed archive the uncompressed one may be: 200.
    ///
    /// It counts from [`ratio_from`](Self::ratio_from) bytes on.
    pub ratio: u64,
    /// The number of uncompressed bytes from which on the [`ratio`](Self::ratio) counts: 1 GiB.
    pub ratio_from: u64,
    /// How many bytes of zeros count as one of the bytes up to [`ratio_from`](Self::ratio_from): 1.
    ///
    /// Sparse files have many, which compress to next to nothing. Whoever makes holes of them again, as
    /// unpacking does, can let more through. Zeros are seen in blocks of 4 KiB.
    pub zeros_per_byte: u64,
    /// The memory that a zstd frame may ask for as its window, in bytes: 128 MiB.
    ///
    /// It is rounded down to a power of two.
    pub zstd_window: u64,
    /// The memory that an xz block may ask for, in bytes: 128 MiB.
    pub xz_memory: u64,
    /// The memory that [`Files`](super::Files) may take for all layers of an image, in bytes: 2 GiB.
    ///
    /// Each file, directory and attribute counts with its name and 256 bytes.
    pub files_bytes: u64,
    /// What says how a layer is compressed: its media type, which must be right.
    pub codec: CodecBy,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive: archive::Limits::default(),
            total_bytes: 256 << 30,
            ratio: 200,
            ratio_from: 1 << 30,
            zeros_per_byte: 1,
            zstd_window: 128 << 20,
            xz_memory: 128 << 20,
            files_bytes: 2 << 30,
            codec: CodecBy::MediaType,
        }
    }
}

/// Which limit a layer goes beyond. The number is the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// One of [`Limits::archive`].
    #[error(transparent)]
    Archive(#[from] archive::LimitExceeded),
    /// [`Limits::total_bytes`].
    #[error("uncompressed it is larger than {0} bytes, see `Limits::total_bytes`")]
    TotalBytes(u64),
    /// [`Limits::ratio`].
    #[error("uncompressed it is more than {0} times as large, see `Limits::ratio`")]
    Ratio(u64),
    /// [`Limits::zstd_window`].
    #[error("a zstd frame asks for a window of more than {0} bytes, see `Limits::zstd_window`")]
    ZstdWindow(u64),
    /// [`Limits::xz_memory`].
    #[error("xz asks for more than {0} bytes of memory, see `Limits::xz_memory`")]
    XzMemory(u64),
}
