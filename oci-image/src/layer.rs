//! Layers: what an image adds to, changes in and removes from the filesystem below it.
//!
//! A [`Reader`] turns the blob of a layer into [`Change`]s, a [`Writer`] makes a blob of them. Nothing here touches a filesystem: what
//! applies changes to one, or makes them from one, stands elsewhere.

mod change;
mod compression;
mod decoder;
mod encoder;
mod error;
mod files;
mod header;
mod input;
mod limits;
mod overlay;
mod path;
mod pax;
mod pipeline;
mod reader;
mod timestamp;
mod whiteout;
mod writer;

pub use change::{Change, Device, Entry, Kind, Metadata};
pub use compression::{Codec, Compression};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::{Defect, ReadError};
pub use files::{Files, FilesError, Obstacle};
pub use limits::{LimitExceeded, Limits};
pub use overlay::{Overlay, OverlayEncoder, OverlayError};
pub use path::{EntryPath, PathError};
pub use reader::Reader;
pub use timestamp::Timestamp;
pub use writer::{Order, WriteError, Writer};
