use std::path::PathBuf;

use oci_image::layer::{Compression, Timestamp};

use crate::XattrFilter;
use crate::unpack::{Owners, Progress};

/// How to pack.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackOptions {
    /// How the layer is compressed.
    pub compression: Compression,
    /// Who the files belong to in the layer: the inverse of what they were unpacked with.
    pub owners: Owners,
    /// Which extended attributes are left out, as they belong to the host.
    pub xattr_filter: XattrFilter,
    /// Times after this one are written as this one, as `SOURCE_DATE_EPOCH` asks for.
    pub latest: Option<Timestamp>,
    /// How files of two trees are compared that look the same.
    pub compare: Compare,
    /// Where a layer waits that is too large for memory until its digest is known, for sinks that must know it first,
    /// which layouts need not; the system's directory for temporary files unless one is given.
    pub temporary: Option<PathBuf>,
    /// A function that is called as the work proceeds.
    pub progress: Option<Progress>,
}

impl PackOptions {
    /// Packs with this compression, and the defaults otherwise.
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            owners: Owners::Recorded,
            xattr_filter: XattrFilter::default(),
            latest: None,
            compare: Compare::Content,
            temporary: None,
            progress: None,
        }
    }
}

/// gzip, which all tools read.
impl Default for PackOptions {
    fn default() -> Self {
        Self::new(Compression::gzip())
    }
}

/// How files of two trees are compared whose attributes, times and sizes are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compare {
    /// By their content.
    #[default]
    Content,
    /// Not at all: they count as the same.
    Metadata,
}
