use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// A run of ids inside a user namespace and on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdRange {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
    pub(crate) size: u32,
}

impl Display for IdRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.inside, self.outside)?;
        if self.size == 1 { Ok(()) } else { write!(f, "+{}", self.size) }
    }
}
