mod hash_writer;
mod reader;
mod verify_all;
mod writer;

use std::io;

pub use hash_writer::HashWriter;
pub use reader::VerifyReader;
pub use verify_all::verify_all;
pub use writer::VerifyWriter;

use crate::{Unverifiable, VerifyError};

/// Of kind [`InvalidData`](io::ErrorKind::InvalidData), or as [`Unverifiable`] is.
impl From<VerifyError> for io::Error {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Unverifiable(error) => error.into(),
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// Of kind [`Unsupported`](io::ErrorKind::Unsupported): the content was not checked.
impl From<Unverifiable> for io::Error {
    fn from(error: Unverifiable) -> Self {
        Self::new(io::ErrorKind::Unsupported, error)
    }
}
