use std::cmp::Reverse;

use super::windows::windows_revision;
use super::{Os, Platform};

/// How well a machine runs an image, from [`Platform::rank`]: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// The place among the variants that the machine runs.
    pub(super) variant: usize,
    pub(super) version: Version,
}

impl Rank {
    /// Whether the image is for exactly the architecture and variant of the machine.
    pub fn is_exact(self) -> bool {
        self.variant == 0
    }

    /// Whether no image can be better.
    pub(super) fn is_best(self) -> bool {
        self.is_exact() && self.version == Version::Irrelevant
    }
}

/// The version of Windows that an image is for, the best first: of those that run on a machine none is
/// newer than its own build, so the newest are of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Version {
    Stated(Reverse<(u16, u32)>),
    Unstated,
    /// The machine is not one of Windows, or states no version of its own.
    Irrelevant,
}

impl Version {
    pub(super) fn of(machine: &Platform, image: &Platform) -> Self {
        let revision = |platform: &Platform| windows_revision(platform.os_version.as_deref()?);
        if machine.os != Os::Windows || revision(machine).is_none() {
            return Self::Irrelevant;
        }
        revision(image).map_or(Self::Unstated, |revision| Self::Stated(Reverse(revision)))
    }
}
