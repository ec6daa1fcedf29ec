use super::EntryPath;

/// How much an archive may ask of its reader. Each limit is the largest value that is still accepted.
///
/// Layers and compressed archives have more: `layer::Limits` contains these.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of headers, those that only extend another counted in: 4,194,304.
    pub entries: u64,
    /// The size of one file in bytes: 128 GiB.
    pub file_bytes: u64,
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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 4 << 20,
            file_bytes: 128 << 30,
            path_bytes: 4096,
            path_depth: 1024,
            xattrs: 256,
            xattr_bytes: 512 << 10,
            pax_bytes: 1 << 20,
        }
    }
}

/// Which limit an archive goes beyond. The number is the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// [`Limits::entries`].
    #[error("the archive has more than {0} entries, see `Limits::entries`")]
    Entries(u64),
    /// [`Limits::file_bytes`].
    #[error(
        "the file `{path}` of {size} bytes is larger than {limit} bytes, see `Limits::file_bytes`"
    )]
    FileBytes {
        /// The file.
        path: EntryPath,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// [`Limits::path_bytes`].
    #[error("a path or link is longer than {0} bytes, see `Limits::path_bytes`")]
    PathBytes(usize),
    /// [`Limits::path_depth`].
    #[error("a path has more than {0} components, see `Limits::path_depth`")]
    PathDepth(usize),
    /// [`Limits::xattrs`].
    #[error("an entry has more than {0} extended attributes, see `Limits::xattrs`")]
    Xattrs(usize),
    /// [`Limits::xattr_bytes`].
    #[error(
        "the extended attributes of an entry are larger than {0} bytes, see `Limits::xattr_bytes`"
    )]
    XattrBytes(usize),
    /// [`Limits::pax_bytes`].
    #[error("a PAX header is larger than {0} bytes, see `Limits::pax_bytes`")]
    PaxBytes(usize),
}
