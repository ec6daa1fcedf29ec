use std::{fmt, io};

use crate::{Platform, graph};

/// Why no image is chosen. It is the source of [`images::Error::Choice`](crate::images::Error::Choice).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no image for the platform.
    #[error("cannot choose an image for `{wanted}`: {offered}")]
    NoMatch {
        /// The platform that was asked for.
        wanted: Box<Platform>,
        /// The platforms that there are images for.
        offered: Offered,
    },
    /// Two images are equally good, and that is refused.
    #[error("cannot choose an image for `{wanted}`: more than one is as good as the best")]
    Ambiguous {
        /// The platform that was asked for.
        wanted: Box<Platform>,
    },
    /// More would have to be read than the limits allow, or something was read that was not asked for.
    #[error(transparent)]
    Graph(#[from] graph::Error),
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::NoMatch { .. } => io::ErrorKind::NotFound,
            Error::Ambiguous { .. } | Error::Graph(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// The platforms that an index has images for, for people: the first 20, without those that are
/// `unknown`, as attestations state it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offered {
    /// The platforms, each once, in the order in which they were met.
    pub platforms: Vec<Platform>,
    /// Whether there are more.
    pub and_more: bool,
}

/// How many platforms an error names.
const LIMIT: usize = 20;

/// How many characters of each are shown.
const NAME_LIMIT: usize = 100;

impl Offered {
    pub(super) fn add(&mut self, platform: &Platform) {
        if platform.os.as_str() == "unknown" || self.platforms.contains(platform) {
            return;
        }
        match self.platforms.len() < LIMIT {
            true => self.platforms.push(platform.clone()),
            false => self.and_more = true,
        }
    }
}

/// The text comes from the network and may go to a terminal, so it is escaped.
impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.platforms.is_empty() {
            return f.write_str("there is no image for any platform");
        }
        f.write_str("there are only images for ")?;
        for (number, platform) in self.platforms.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let name: String = platform.to_string().chars().take(NAME_LIMIT).collect();
            write!(f, "{comma}`{}`", name.escape_debug())?;
        }
        f.write_str(if self.and_more { " and others" } else { "" })
    }
}
