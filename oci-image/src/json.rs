//! The one strict JSON reading that all documents share.
//!
//! A document has one reading here or none: member names that stand twice, or that differ from a
//! known name only by letter case (as Go's decoder folds it), arrays in place of objects, bytes after
//! the end and documents over the size limit are refused. Unknown members are kept, with the
//! spelling of their numbers.

mod error;
mod field;
mod map;
mod members;
mod model;
mod open_enum;
mod place;
pub(crate) mod pointer;
mod value;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Deserializer;

pub use error::Error;
pub use field::Int63;
#[doc(hidden)]
pub use field::{Collection, fold};
pub use map::Map;
pub use members::Members;
pub use open_enum::Unlisted;
pub use value::{Number, Value};

use place::{Placed, Trail};

pub use crate::{model, open_enum};

#[doc(hidden)]
pub mod private {
    pub use serde;

    /// For [`open_enum!`](super::open_enum) alone.
    pub fn unlisted(text: String) -> super::Unlisted {
        super::Unlisted::new(text)
    }
}

/// The default limit of a document, in bytes: 4 MiB, what registries must accept.
pub const DOCUMENT_LIMIT: usize = 4 << 20;

/// The depth of nested arrays and objects that unknown members may have.
pub const DEPTH_LIMIT: usize = 128;

/// Reads a document of at most [`DOCUMENT_LIMIT`] bytes.
///
/// # Errors
/// Names the place in the document and what is wrong there.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    from_slice_with_limit(bytes, DOCUMENT_LIMIT)
}

/// Reads a document of at most `limit` bytes.
///
/// # Errors
/// Names the place in the document and what is wrong there.
pub fn from_slice_with_limit<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, Error> {
    if bytes.len() > limit {
        return Err(Error::TooLarge { size: bytes.len() as u64, limit: limit as u64 });
    }
    let trail = Trail::default();
    let mut deserializer = Deserializer::from_slice(bytes);
    let value = T::deserialize(Placed::new(&mut deserializer, &trail));
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Error::from_serde(&error, trail.pointer(bytes)))
}

/// Writes a document as compact JSON: declared order, then unknown members by name.
///
/// # Errors
/// If `value` is not a JSON document (the models of this crate always are).
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Unwritable { message: error.to_string() })
}
