use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs::File;
use std::io;

use oci_image::archive::{self, Entry, EntryPath, Kind, Limits, Reader};

/// How many headers an archive may have.
const ENTRY_LIMIT: u64 = 1 << 20;

/// How many links may stand between a name and its file.
const LINK_LIMIT: usize = 8;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// What is where in a tar archive.
#[derive(Debug)]
pub(super) struct Contents {
    places: HashMap<EntryPath, Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(Span),
    Link(EntryPath),
    Other,
}

/// Why the contents cannot be listed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentsError {
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// Some programs take the first of two, others the last.
    #[error("it contains `{0}` twice")]
    Twice(EntryPath),
}

impl Contents {
    /// Reads all headers, and nothing of what is between them.
    pub(super) fn read(file: &File) -> Result<Self, ContentsError> {
        let mut limits = Limits::default();
        limits.entries = ENTRY_LIMIT;
        let mut archive = Reader::new(file, limits)?;
        let mut places = HashMap::new();
        while let Some(member) = archive.next_member()? {
            let place = place(&member.entry, member.content);
            match places.entry(member.entry.path) {
                Slot::Vacant(slot) => drop(slot.insert(place)),
                // A directory may occur twice.
                Slot::Occupied(slot) if (slot.get(), &place) == (&Place::Other, &Place::Other) => {}
                Slot::Occupied(slot) => return Err(ContentsError::Twice(slot.key().clone())),
            }
        }
        Ok(Self { places })
    }

    /// The file of this name, through links within the archive.
    pub(super) fn find(&self, name: &str) -> io::Result<Option<Span>> {
        let Ok(mut path) = EntryPath::parse(name.as_bytes()) else { return Ok(None) };
        for _ in 0..LINK_LIMIT {
            match self.places.get(&path) {
                None => return Ok(None),
                Some(Place::File(span)) => return Ok(Some(*span)),
                Some(Place::Link(target)) => path = target.clone(),
                Some(Place::Other) => return Err(invalid("it is not a regular file")),
            }
        }
        Err(invalid("it leads through too many links"))
    }
}

fn place(entry: &Entry, offset: u64) -> Place {
    match &entry.kind {
        Kind::File { size } => Place::File(Span { offset, size: *size }),
        Kind::Hardlink { target } => Place::Link(target.clone()),
        Kind::Symlink { target } => resolve(&entry.path, target).map_or(Place::Other, Place::Link),
        _ => Place::Other,
    }
}

/// What a symbolic link leads to; nothing if that is outside the archive.
fn resolve(link: &EntryPath, target: &[u8]) -> Option<EntryPath> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut path = link.parent()?;
    for component in target.split(|byte| *byte == b'/') {
        path = match component {
            b"" | b"." => continue,
            b".." => path.parent()?,
            name => path.join(name).ok()?,
        };
    }
    Some(path)
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
