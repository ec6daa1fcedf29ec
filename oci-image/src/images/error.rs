use std::error::Error as StdError;
use std::io;

use crate::platform::choice;

/// Why an image is not found, or cannot be read. The crates that have images wrap it in errors of their own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing has the name or the digest.
    #[error("cannot find `{name}` in {place}: nothing has this name or digest")]
    NotFound {
        /// The name or digest.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// More than one image has the name.
    #[error("cannot resolve `{name}` in {place}: more than one image has this name")]
    Ambiguous {
        /// The name.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// None of the images is for the platform, or more than one are equally good.
    #[error("cannot choose from {from}")]
    Choice {
        /// What was chosen from.
        from: String,
        /// Why none was chosen.
        source: choice::Error,
    },
    /// Something cannot be read, or is missing.
    #[error("cannot {action}")]
    Unreadable {
        /// What was to be done.
        action: String,
        /// What went wrong.
        source: io::Error,
    },
    /// Documents that are right by themselves do not make an image.
    #[error("cannot {action}")]
    Invalid {
        /// What was to be done.
        action: String,
        /// What is wrong.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    pub(super) fn unreadable(action: String, source: io::Error) -> Self {
        Self::Unreadable { action, source }
    }

    /// `source` is from a [`choice`] that was driven over blobs.
    pub(super) fn choice(from: String, source: io::Error) -> Self {
        let refused = source.get_ref().and_then(|error| error.downcast_ref::<choice::Error>());
        match refused.cloned() {
            Some(source) => Self::Choice { from, source },
            None => Self::unreadable(format!("choose from {from}"), source),
        }
    }

    /// The kind, as of an error of reading.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotFound { .. } | Self::Choice { source: choice::Error::NoMatch { .. }, .. } => {
                io::ErrorKind::NotFound
            }
            Self::Ambiguous { .. } | Self::Choice { .. } | Self::Invalid { .. } => {
                io::ErrorKind::InvalidData
            }
            Self::Unreadable { source, .. } => source.kind(),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}
