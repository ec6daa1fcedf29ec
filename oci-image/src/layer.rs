//! Layers: what an image adds to, changes in and removes from the filesystem below it.
//!
//! A [`Reader`] turns the blob of a layer into [`Change`]s, a [`Writer`] makes a blob of them. Nothing here touches a filesystem: what
//! applies changes to one, or makes them from one, stands elsewhere.

mod change;
mod compression;
mod decoder;
mod diff_id;
mod encoder;
mod error;
mod files;
mod limits;
mod overlay;
mod piece;
mod pipeline;
mod reader;
mod uncompressed;
mod whiteout;
mod writer;

pub use change::Change;
pub use compression::{Codec, CodecBy, Compression};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::{MarkerDefect, ReadError};
pub use files::{Files, FilesError, ListedFile, Obstacle, PathPattern};
pub use limits::{LimitExceeded, Limits};
pub use overlay::{Overlay, OverlayEncoder, OverlayError};
pub use reader::Reader;
pub use writer::{Order, WriteError, Writer};

pub use crate::archive::{Device, Entry, EntryPath, Kind, Metadata, PathError, Timestamp};
