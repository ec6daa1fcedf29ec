use std::fmt;

/// Where an entry lies below the root of a filesystem: bytes between single slashes.
///
/// A path has no leading or trailing slash, no empty, `.` or `..` component, and no NUL byte; it
/// need not be UTF-8. The root itself is the empty path. Paths are ordered component by component,
/// so a directory stands directly before what it holds.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct EntryPath(Vec<u8>);

/// Why bytes are not a path below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It is empty; the root is written `/` or `.`.
    #[error("the path is empty")]
    Empty,
    /// A component is `..`: the tools of the field disagree on what it means here.
    #[error("the path has a component `..`")]
    Parent,
    /// A byte is NUL.
    #[error("the path has a NUL byte")]
    Nul,
}

impl EntryPath {
    /// The root.
    pub const ROOT: Self = Self(Vec::new());

    /// Reads a path as it stands in an archive.
    ///
    /// Leading, trailing and doubled slashes and `.` components are dropped, so an absolute name
    /// is one below the root, as for the tools written in Go.
    ///
    /// # Errors
    /// If `bytes` is empty, or holds a NUL byte or a component `..`.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        if bytes.is_empty() {
            return Err(PathError::Empty);
        }
        if bytes.contains(&0) {
            return Err(PathError::Nul);
        }
        let mut path = Vec::with_capacity(bytes.len());
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err(PathError::Parent),
                name => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name);
                }
            }
        }
        Ok(Self(path))
    }

    /// The path as it is written, without a leading slash; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The names on the way from the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }

    /// The number of components; 0 for the root.
    pub fn depth(&self) -> usize {
        match self.is_root() {
            true => 0,
            false => 1 + self.0.iter().filter(|byte| **byte == b'/').count(),
        }
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.split().map(|(_, name)| name)
    }

    /// The directory that holds this; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.split().map(|(parent, _)| Self(parent.to_vec()))
    }

    /// The path of `name` in this directory.
    ///
    /// # Errors
    /// If `name` is not a name: empty, `.`, `..`, or with a slash or a NUL byte in it.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        match name {
            b"" | b"." => return Err(PathError::Empty),
            b".." => return Err(PathError::Parent),
            name if name.contains(&0) => return Err(PathError::Nul),
            name if name.contains(&b'/') => return Err(PathError::Empty),
            _ => {}
        }
        Ok(self.joined(name))
    }

    /// Whether this is `directory` or lies below it.
    pub fn starts_with(&self, directory: &Self) -> bool {
        directory.is_root()
            || self
                .0
                .strip_prefix(directory.as_bytes())
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }

    /// The bytes of the parent directory, which is empty if that is the root, and the last component;
    /// `None` for the root.
    pub fn split(&self) -> Option<(&[u8], &[u8])> {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => Some((&self.0[..slash], &self.0[slash + 1..])),
            None if self.is_root() => None,
            None => Some((&[], &self.0)),
        }
    }

    /// Adds a component that is known to be a name.
    pub(crate) fn joined(&self, name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Self(path)
    }
}

impl Ord for EntryPath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for EntryPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::str::FromStr for EntryPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text.as_bytes())
    }
}

/// The path with a leading slash; bytes that are not text are escaped as `\xNN`.
impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        show(&self.0, f)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryPath({self})")
    }
}

/// Shows bytes as text; control characters and bytes that are not text are escaped.
pub(super) fn show(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character.is_control() {
                true => write!(f, "{}", character.escape_default())?,
                false => fmt::Write::write_char(f, character)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}
