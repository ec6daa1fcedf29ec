//! Tar archives, with one reading or none.
//!
//! A [`Reader`] lists the [`Member`]s of an archive and says where the content of each stands. It is what
//! [`layer::Reader`](crate::layer::Reader) stands on, and what reads archives of layouts and of `docker save`.
//! An archive that is broken, or that two of Go's `archive/tar`, GNU tar and Python's `tarfile` read
//! differently, is refused with the [`Defect`].
//!
//! Nothing here means anything by a name: whiteouts belong to [`layer`](crate::layer)s. Nothing is
//! compressed either: that is a [`layer::Decoder`](crate::layer::Decoder)'s work.

mod entry;
mod error;
mod extension;
pub(crate) mod header;
pub(crate) mod input;
mod limits;
mod member;
pub(crate) mod members;
pub(crate) mod path;
pub(crate) mod pax;
mod reader;
mod timestamp;

pub use entry::{Device, Entry, Kind, Metadata};
pub use error::{Defect, Error};
pub use limits::{LimitExceeded, Limits};
pub use member::Member;
pub use path::{EntryPath, PathError};
pub use reader::Reader;
pub use timestamp::Timestamp;
