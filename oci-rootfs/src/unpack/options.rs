use oci_image::layer::Limits;

use super::{OwnerXattr, Owners, Progress};
use crate::XattrFilter;

/// How to unpack. The defaults are for root: everything as it is recorded, or an error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnpackOptions {
    /// How much each layer may ask for. Of zeros it may have 16 times as many as of other bytes before the
    /// ratio counts, as they become holes and take no room.
    pub limits: Limits,
    /// Who the files belong to.
    pub owners: Owners,
    /// Where owners are recorded that files cannot have ([`Owners::Caller`]).
    pub owner_xattr: OwnerXattr,
    /// How devices are treated.
    pub devices: Devices,
    /// How extended attributes are treated.
    pub xattrs: Xattrs,
    /// Which extended attributes are left out without an error, as they belong to the host.
    pub xattr_filter: XattrFilter,
    /// A function that is called as the work proceeds.
    pub progress: Option<Progress>,
}

impl Default for UnpackOptions {
    fn default() -> Self {
        let mut limits = Limits::default();
        limits.zeros_per_byte = 16;
        Self {
            limits,
            owners: Owners::default(),
            owner_xattr: OwnerXattr::default(),
            devices: Devices::default(),
            xattrs: Xattrs::default(),
            xattr_filter: XattrFilter::default(),
            progress: None,
        }
    }
}

impl UnpackOptions {
    /// For a user without privileges: all files are the caller's, devices are left out, and
    /// extended attributes that need privileges too.
    pub fn rootless() -> Self {
        Self {
            owners: Owners::Caller,
            devices: Devices::Skip,
            xattrs: Xattrs::WherePossible,
            ..Self::default()
        }
    }
}

/// How character and block devices are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Devices {
    /// They are made, which needs the capability `CAP_MKNOD`.
    #[default]
    Make,
    /// They are left out, and counted.
    Skip,
    /// An empty file stands in for each, and they are counted.
    Placeholder,
}

/// How extended attributes are treated that [`XattrFilter`] lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Xattrs {
    /// All are set, or it is an error.
    #[default]
    All,
    /// Those are left out that the filesystem cannot hold or the process may not set.
    WherePossible,
    /// All are left out.
    Skip,
}
