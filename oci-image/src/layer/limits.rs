use super::EntryPath;

/// How much a layer may ask of its reader. Each limit is the largest value that is still good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of headers in the archive, those that only extend another counted in: 4,194,304.
    pub entries: u64,
    /// The size of the uncompressed archive in bytes: 256 GiB.
    pub total_bytes: u64,
    /// The size of one file in bytes: 128 GiB.
    pub file_bytes: u64,
    /// How many times larger than the compressed archive the uncompressed one may be: 200.
    ///
    /// It is looked at from [`ratio_from`](Self::ratio_from) bytes on.
    pub ratio: u64,
    /// The number of uncompressed bytes from which on the [`ratio`](Self::ratio) counts: 1 GiB.
    pub ratio_from: u64,
    /// The length of a path or of a link's target in bytes: 4,096.
    pub path_bytes: usize,
    /// The number of components of a path: 1,024.
    pub path_depth: usize,
    /// The number of one entry's extended attributes: 256.
    pub xattrs: usize,
    /// The size of one entry's extended attributes, names and values, in bytes: 512 KiB.
    pub xattr_bytes: usize,
    /// The size of one PAX header in bytes: 1 MiB.
    pub pax_bytes: usize,
    /// The memory that a zstd frame may ask for as its window, in bytes: 128 MiB.
    ///
    /// It is rounded down to a power of two.
    pub zstd_window: u64,
    /// The memory that [`Files`](super::Files) may take for all layers of an image, in bytes: 2 GiB.
    ///
    /// Each file, directory and attribute counts with its name and 256 bytes.
    pub files_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 4 << 20,
            total_bytes: 256 << 30,
            file_bytes: 128 << 30,
            ratio: 200,
            ratio_from: 1 << 30,
            path_bytes: 4096,
            path_depth: 1024,
            xattrs: 256,
            xattr_bytes: 512 << 10,
            pax_bytes: 1 << 20,
            zstd_window: 128 << 20,
            files_bytes: 2 << 30,
        }
    }
}

/// Which limit a layer goes beyond. The number is the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// [`Limits::entries`].
    #[error("the layer has more than {0} entries")]
    Entries(u64),
    /// [`Limits::total_bytes`].
    #[error("the uncompressed layer is larger than {0} bytes")]
    TotalBytes(u64),
    /// [`Limits::file_bytes`].
    #[error("the file `{path}` of {size} bytes is larger than {limit} bytes")]
    FileBytes {
        /// The file.
        path: EntryPath,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// [`Limits::ratio`].
    #[error("the uncompressed layer is more than {0} times the size of the compressed one")]
    Ratio(u64),
    /// [`Limits::path_bytes`].
    #[error("a path or link is longer than {0} bytes")]
    PathBytes(usize),
    /// [`Limits::path_depth`].
    #[error("a path has more than {0} components")]
    PathDepth(usize),
    /// [`Limits::xattrs`].
    #[error("an entry has more than {0} extended attributes")]
    Xattrs(usize),
    /// [`Limits::xattr_bytes`].
    #[error("the extended attributes of an entry are larger than {0} bytes")]
    XattrBytes(usize),
    /// [`Limits::pax_bytes`].
    #[error("a PAX header is larger than {0} bytes")]
    PaxBytes(usize),
    /// [`Limits::zstd_window`].
    #[error("a zstd frame asks for a window of more than {0} bytes")]
    ZstdWindow(u64),
}
