use oci_image::json::model;
use serde::{Deserialize, Serialize};

model! {
    /// A device node to make in a container.
    pub struct Device {
        /// What kind of node.
        required r#type: DeviceType = "type";
        /// Its absolute path in the container.
        required path: String = "path";
        /// The device's major number; required but for FIFOs.
        optional major: i64 = "major";
        /// The device's minor number; required but for FIFOs.
        optional minor: i64 = "minor";
        /// The permissions.
        optional file_mode: u32 = "fileMode";
        /// The owner, as the container sees it.
        optional uid: u32 = "uid";
        /// The group, as the container sees it.
        optional gid: u32 = "gid";
    }

    /// A rule of which devices a container may use; the last rule that fits decides.
    pub struct DeviceRule {
        /// Whether to allow or to deny.
        required allow: bool = "allow";
        /// The kind of device; absent means all.
        optional r#type: DeviceType = "type";
        /// The major number; absent means any.
        optional major: i64 = "major";
        /// The minor number; absent means any.
        optional minor: i64 = "minor";
        /// Letters of `r` (read), `w` (write) and `m` (mknod).
        optional access: String = "access";
    }
}

open! {
    /// The kind of a device node.
    pub enum DeviceType {
        All = "a",
        Block = "b",
        Char = "c",
        UnbufferedChar = "u",
        Fifo = "p",
    }
}

/// One use of a device, of which `access` has the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceAccess {
    Read,
    Write,
    Mknod,
}

impl DeviceAccess {
    pub(crate) const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Mknod];

    pub(crate) fn letter(self) -> char {
        match self {
            Self::Read => 'r',
            Self::Write => 'w',
            Self::Mknod => 'm',
        }
    }

    pub(crate) fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.letter() == letter)
    }
}
