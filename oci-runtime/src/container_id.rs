//! The names of containers.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// The ID of a container, which names a directory and, if the specification names none, a cgroup.
///
/// It is letters, digits, `_`, `+`, `-` and `.`, at most [`MAX_LENGTH`](Self::MAX_LENGTH) bytes, and begins with neither
/// `.` nor `-`: it leads to no other directory and is not an option of a command. The [specification][runtime.md] wants
/// IDs to be unique on a host; here they are unique in a [`Runtime`](crate::Runtime) directory.
///
/// ```
/// use oci_runtime::ContainerId;
///
/// let id: ContainerId = "web-1".parse()?;
/// assert_eq!(id.as_str(), "web-1");
/// assert!("../web".parse::<ContainerId>().is_err());
/// # Ok::<(), oci_runtime::ContainerIdError>(())
/// ```
///
/// [runtime.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/runtime.md#scope-of-a-container
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

/// A text that is not a [`ContainerId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not letters, digits, `_`, `+`, `-` and `.`, at most {} bytes that begin with neither `.` nor `-`",
    text.escape_debug(),
    ContainerId::MAX_LENGTH
)]
pub struct ContainerIdError {
    /// Its beginning: a message is to stay readable.
    text: String,
}

impl ContainerId {
    /// The longest ID, in bytes: the longest name of a directory.
    pub const MAX_LENGTH: usize = 255;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_id(text: &str) -> bool {
    let is_permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    (1..=ContainerId::MAX_LENGTH).contains(&text.len())
        && text.bytes().all(is_permitted)
        && !text.starts_with(['.', '-'])
}

impl TryFrom<String> for ContainerId {
    type Error = ContainerIdError;

    fn try_from(text: String) -> Result<Self, ContainerIdError> {
        if is_id(&text) {
            return Ok(Self(text));
        }
        const SHOWN: usize = 64;
        Err(ContainerIdError { text: text.chars().take(SHOWN).collect() })
    }
}

impl TryFrom<&str> for ContainerId {
    type Error = ContainerIdError;

    fn try_from(text: &str) -> Result<Self, ContainerIdError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<&String> for ContainerId {
    type Error = ContainerIdError;

    fn try_from(text: &String) -> Result<Self, ContainerIdError> {
        text.clone().try_into()
    }
}

impl FromStr for ContainerId {
    type Err = ContainerIdError;

    fn from_str(text: &str) -> Result<Self, ContainerIdError> {
        text.try_into()
    }
}

impl From<&Self> for ContainerId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

impl AsRef<str> for ContainerId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<ContainerIdError> for Error {
    fn from(error: ContainerIdError) -> Self {
        Self::because(ErrorKind::Id, "parse the ID of a container", error)
    }
}

/// What is a [`ContainerId`] already needs no parsing.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
