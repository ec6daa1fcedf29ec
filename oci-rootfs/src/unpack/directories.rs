//! What directories are to be like in the end. It is set last: to fill a directory changes its time,
//! and may be forbidden by its mode.

use std::collections::HashMap;
use std::os::fd::AsFd;

use oci_image::layer::{EntryPath, Timestamp};
use rustix::fs::{Mode, Stat};
use rustix::io::Errno;

use super::error::UnpackError;
use super::parents::Parents;
use crate::root::{Attributes, Id, Root, Target, times};

/// How much memory directories take before some are finished, in bytes.
const ROOM: usize = 8 << 20;

/// What a directory takes besides the bytes of its path and attributes, at most.
const EACH: usize = 512;

/// The directories that were made or touched.
#[derive(Default)]
pub(super) struct Directories {
    all: HashMap<Id, (EntryPath, Final)>,
    /// About how many bytes of memory they take.
    taken: usize,
    /// How many extended attributes could not be set so far.
    left_out: u64,
}

/// What a directory is to be like.
enum Final {
    /// As a layer says.
    Set(Attributes),
    /// As it was before.
    Keep { atime: Timestamp, mtime: Timestamp, mode: Option<Mode> },
}

impl Final {
    /// Whether its owner can still enter it afterwards.
    fn is_open(&self) -> bool {
        match self {
            Self::Set(attributes) => attributes.mode & 0o500 == 0o500,
            Self::Keep { mode, .. } => mode.is_none(),
        }
    }
}

impl Directories {
    /// A layer says what the directory is like.
    pub(super) fn set(&mut self, id: Id, path: &EntryPath, attributes: Attributes) {
        let xattrs = attributes.xattrs.iter().map(|(name, value)| EACH + name.len() + value.len());
        self.taken += EACH + path.as_bytes().len() + xattrs.sum::<usize>();
        self.all.insert(id, (path.clone(), Final::Set(attributes)));
    }

    /// The directory has an attribute of an overlay, which is to stay.
    pub(super) fn mark(&mut self, id: Id, name: Vec<u8>, value: Vec<u8>) {
        if let Some((_, Final::Set(attributes))) = self.all.get_mut(&id) {
            attributes.xattrs.insert(name, value);
        }
    }

    /// The root is new: it has no time but what a layer says.
    pub(super) fn new_root(&mut self, id: Id) {
        let (atime, mtime) = (Timestamp::EPOCH, Timestamp::EPOCH);
        self.all.insert(id, (EntryPath::ROOT, Final::Keep { atime, mtime, mode: None }));
    }

    /// The directory is changed by what happens in it, which is not to be seen. Its mode is another
    /// meanwhile if an old `mode` is given.
    pub(super) fn keep(&mut self, stat: &Stat, path: &[u8], mode: Option<Mode>) {
        self.all.entry(Id::from(stat)).or_insert_with(|| {
            self.taken += EACH + path.len();
            let path = EntryPath::parse(path).unwrap_or_default();
            let (atime, mtime) = times(stat);
            (path, Final::Keep { atime, mtime, mode })
        });
    }

    /// Finishes all so far if they take much memory. What changes in one of them later is kept from
    /// being seen like what changes in one that was there before.
    pub(super) fn make_room(
        &mut self,
        root: &Root,
        parents: &mut Parents,
    ) -> Result<(), UnpackError> {
        match self.taken > ROOM {
            true => self.finish(root, parents),
            false => Ok(()),
        }
    }

    /// Makes all but the root what they are to be, children before parents.
    pub(super) fn finish(&mut self, root: &Root, parents: &mut Parents) -> Result<(), UnpackError> {
        // Those that are open would be changed without being asked for here.
        parents.forget();
        self.taken = 0;
        let mut all: Vec<_> = std::mem::take(&mut self.all).into_iter().collect();
        all.sort_by(|(_, (left, a)), (_, (right, b))| {
            (b.is_open(), right.as_bytes()).cmp(&(a.is_open(), left.as_bytes()))
        });
        for (id, (path, state)) in all {
            match path.is_root() {
                true => _ = self.all.insert(id, (path, state)),
                false => self.left_out += restore(root, id, &path, &state)?,
            }
        }
        Ok(())
    }

    /// Makes the root what it is to be, and says how many extended attributes of directories could not
    /// be set.
    pub(super) fn finish_root(self, root: &Root) -> Result<u64, UnpackError> {
        self.all.iter().try_fold(self.left_out, |left_out, (id, (path, state))| {
            Ok(left_out + restore(root, *id, path, state)?)
        })
    }
}

fn restore(root: &Root, id: Id, path: &EntryPath, state: &Final) -> Result<u64, UnpackError> {
    let fd = match root.directory(path.as_bytes()) {
        // It is gone, or something else has its name.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(0),
        result => result.map_err(|error| UnpackError::file("open the directory", path, error))?,
    };
    let target = Target::Open(fd.as_fd());
    let stat = target.stat().map_err(|error| UnpackError::file("look at", path, error))?;
    if Id::from(&stat) != id {
        return Ok(0);
    }
    match state {
        Final::Set(attributes) => attributes
            .apply(root, target, &stat, true)
            .map_err(|(step, error)| UnpackError::file(step.to_string(), path, error)),
        Final::Keep { atime, mtime, mode } => mode
            .map_or(Ok(()), |mode| target.set_mode(root, mode.as_raw_mode()))
            .and_then(|()| target.set_times(root, *atime, *mtime))
            .map(|()| 0)
            .map_err(|error| UnpackError::file("restore the attributes of", path, error)),
    }
}
