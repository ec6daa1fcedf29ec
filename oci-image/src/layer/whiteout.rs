//! The names by which an archive says that something is gone.

use super::{Change, Entry, EntryPath, Kind, MarkerDefect};

/// What the name of a whiteout begins with.
pub(super) const PREFIX: &str = ".wh.";

/// The name that makes a directory opaque.
pub(super) const OPAQUE: &str = ".wh..wh..opq";

/// What an entry of an archive changes.
///
/// `None` if it is one of AUFS's own, which are not part of an image: umoci and podman leave them out, too.
pub(super) fn change(entry: Entry) -> Result<Option<Change>, MarkerDefect> {
    if is_of_aufs(&entry.path) {
        return Ok(None);
    }
    let marker = marker(&entry.path)?;
    if let Kind::Hardlink { target } = &entry.kind
        && !matches!(self::marker(target), Ok(Marker::None))
    {
        return Err(MarkerDefect::HardlinkTarget(target.clone()));
    }
    Ok(Some(match marker {
        Marker::Whiteout(path) => Change::Whiteout(path),
        Marker::Opaque(path) => Change::Opaque(path),
        Marker::None => Change::Upsert(entry),
    }))
}

/// What AUFS keeps in the root of a layer: pseudo-links, orphans, and a mark that it is one.
const AUFS: [&str; 3] = [".wh..wh.plnk", ".wh..wh.orph", ".wh..wh.aufs"];

fn is_of_aufs(path: &EntryPath) -> bool {
    path.components().next().is_some_and(|top| AUFS.iter().any(|name| name.as_bytes() == top))
}

/// What a path in an archive is a marker of.
#[derive(Debug, PartialEq, Eq)]
enum Marker {
    None,
    Whiteout(EntryPath),
    Opaque(EntryPath),
}

/// Reads the marker that a path may be.
///
/// All names that begin with `.wh.` are reserved, in the middle of a path too. Those that mark
/// nothing sensible are refused: some tools skip them, some create them, and some take them for
/// whiteouts.
fn marker(path: &EntryPath) -> Result<Marker, MarkerDefect> {
    let bytes = path.as_bytes();
    let is_plain = !bytes.windows(4).any(|part| part == PREFIX.as_bytes());
    if is_plain {
        return Ok(Marker::None);
    }
    let mut components = path.components();
    let last = components.next_back();
    for name in components {
        if name.starts_with(PREFIX.as_bytes()) {
            return Err(reserved(name));
        }
    }
    let Some((name, directory)) = last.zip(path.parent()) else { return Ok(Marker::None) };
    let Some(hidden) = name.strip_prefix(PREFIX.as_bytes()) else { return Ok(Marker::None) };
    if name == OPAQUE.as_bytes() {
        return Ok(Marker::Opaque(directory));
    }
    match hidden {
        b"" | b"." | b".." => Err(reserved(name)),
        _ if hidden.starts_with(PREFIX.as_bytes()) => Err(reserved(name)),
        _ => Ok(Marker::Whiteout(directory.joined(hidden))),
    }
}

fn reserved(name: &[u8]) -> MarkerDefect {
    MarkerDefect::ReservedName(name.to_vec())
}

/// Whether no name on the way is reserved for markers.
pub(super) fn is_plain(path: &EntryPath) -> bool {
    !path.components().any(|name| name.starts_with(PREFIX.as_bytes()))
}

/// The name by which an archive says that a path is gone: `None` if it has none.
pub(super) fn name(path: &EntryPath) -> Option<EntryPath> {
    let directory = path.parent()?;
    let marked = [PREFIX.as_bytes(), path.name()?].concat();
    is_plain(path).then(|| directory.joined(&marked))
}

/// The name by which an archive says that a directory is opaque: `None` if it has none.
pub(super) fn opaque_name(directory: &EntryPath) -> Option<EntryPath> {
    is_plain(directory).then(|| directory.joined(OPAQUE.as_bytes()))
}
