use std::collections::BTreeMap;
use std::io;

use oci_image::Digest;

use super::{is_lock, work_path};
use crate::files::{Files, Kind, read_limited};
use crate::lock::{WORK, has_writers, try_lock};
use crate::partial::is_partial;

/// What the sessions of a layout hold. The caller has the exclusive lock, so no session
/// begins or pins meanwhile, or is read-only.
pub(crate) struct Sessions {
    /// What live sessions pin.
    pub(crate) pinned: Vec<Digest>,
    /// The files of those whose process has died.
    pub(crate) dead: Vec<String>,
}

/// The largest list of pins that is read, in bytes: some million digests.
const PINS_LIMIT: usize = 256 << 20;

pub(crate) fn survey(files: &dyn Files) -> io::Result<Sessions> {
    let mut sessions = Sessions { pinned: Vec::new(), dead: Vec::new() };
    for (session, names) in by_session(files)? {
        match pins(files, &work_path(&session))? {
            Some(pins) => sessions.pinned.extend(pins),
            None => sessions.dead.extend(names.iter().map(|name| work_path(name))),
        }
    }
    Ok(sessions)
}

/// The unfinished files, by the session whose name they begin with.
fn by_session(files: &dyn Files) -> io::Result<BTreeMap<String, Vec<String>>> {
    let mut sessions = BTreeMap::<String, Vec<String>>::new();
    if !has_writers(files)? {
        return Ok(sessions);
    }
    for entry in files.list(WORK)? {
        let Some(name) = entry.name.to_str().filter(|name| !is_lock(name) && !is_partial(name))
        else {
            continue;
        };
        if entry.kind == Kind::File {
            let session = name.split_once('.').map_or(name, |(session, _)| session);
            sessions.entry(session.to_owned()).or_default().push(name.to_owned());
        }
    }
    Ok(sessions)
}

/// What the session pins, or `None` if its lock is free: then its process has ended.
fn pins(files: &dyn Files, path: &str) -> io::Result<Option<Vec<Digest>>> {
    let file = match files.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if try_lock(&file)? {
        return Ok(None);
    }
    let text = String::from_utf8(read_limited(file, PINS_LIMIT)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let pins = text.lines().map(|line| line.parse::<Digest>());
    let pins = pins.collect::<Result<_, _>>();
    pins.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
