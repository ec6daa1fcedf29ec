use std::fmt;

use oci_image::{Digest, Level};

use crate::layout::BLOBS;

/// Something that is wrong with a layout.
///
/// A `Fault` of `oci-registry` is one that is made on purpose, for tests of clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// The path of what is wrong, in the layout.
    pub path: String,
    /// The blob, where it is one.
    pub digest: Option<Digest>,
    /// What is wrong, as the end of a sentence that begins with the path.
    pub message: String,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The layout has another version: nothing else in it is checked.
    Version,
    /// The file `oci-layout`, the index, or a manifest or index that it reaches is not a valid document.
    Document,
    /// Something that is needed is missing.
    Missing,
    /// An image index, not the layout's own, lists something that is not there. That is legal: some of its images may
    /// have been copied without the others. Who expects all of them has lost one.
    Sparse,
    /// A descriptor states another size.
    Size,
    /// The content of a blob is not what its name says, or cannot be read.
    Content,
    /// The content cannot be verified: the algorithm of its digest is not supported.
    Unverifiable,
    /// The index does not reach the blob.
    Unreachable,
    /// An unfinished file of a writer that died.
    Leftover,
    /// It is in a directory of blobs and is not a blob: a link, a device, a file of another name.
    Odd,
}

impl FaultKind {
    /// The kind in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Document => "document",
            Self::Missing => "missing",
            Self::Sparse => "sparse",
            Self::Size => "size",
            Self::Content => "content",
            Self::Unverifiable => "unverifiable",
            Self::Unreachable => "unreachable",
            Self::Leftover => "leftover",
            Self::Odd => "odd",
        }
    }

    /// An error if it breaks an image, a warning if the layout only holds what it should not.
    pub fn level(self) -> Level {
        match self {
            Self::Version | Self::Document | Self::Missing | Self::Size | Self::Content => {
                Level::Error
            }
            Self::Sparse | Self::Unverifiable | Self::Unreachable | Self::Leftover | Self::Odd => {
                Level::Warning
            }
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Fault {
    pub(super) fn of(
        kind: FaultKind,
        path: String,
        digest: Option<Digest>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, path, digest, message: message.into() }
    }

    pub(super) fn no_blobs() -> Self {
        Self::of(FaultKind::Missing, BLOBS.into(), None, "is missing")
    }

    pub(super) fn odd(path: String) -> Self {
        Self::of(FaultKind::Odd, path, None, "is not a blob")
    }

    pub(super) fn leftover(path: String) -> Self {
        Self::of(FaultKind::Leftover, path, None, "is an unfinished file of a writer that died")
    }

    pub(super) fn unreachable(path: String, digest: Digest) -> Self {
        Self::of(FaultKind::Unreachable, path, Some(digest), "is not reached by the index")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` {}", self.kind, self.path, self.message)
    }
}
