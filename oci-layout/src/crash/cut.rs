use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::recorder::Op;
use crate::files::split;
use crate::lock::WORK;

/// The moments of a recording, and what the disk may be at each.
pub(super) struct Cuts<'a> {
    operations: &'a [Op],
    power: bool,
}

/// What is on the disk: directories, and files with their content.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    directories: BTreeSet<String>,
    files: BTreeMap<String, Vec<u8>>,
}

/// How much of what was written to a file and not synced is there.
#[derive(Clone, Copy)]
enum Unsynced {
    Nothing,
    Half,
    /// The size, and zeros in place of the content.
    Zeros,
    All,
}

/// How many unsynced changes of names are looked at in every combination.
const COMBINED: usize = 8;

impl<'a> Cuts<'a> {
    /// The process dies: what it did is done, the last write perhaps by half.
    pub(super) fn of_process(operations: &'a [Op]) -> Self {
        Self { operations, power: false }
    }

    /// The power goes: what was not synced is there or not, each change for itself.
    pub(super) fn of_power(operations: &'a [Op]) -> Self {
        Self { operations, power: true }
    }

    /// Calls `check` with the number of promises made and each state that is possible then, until it
    /// has seen enough.
    pub(super) fn each(&self, mut check: impl FnMut(usize, State) -> ControlFlow<()>) {
        for end in 0..=self.operations.len() {
            let (done, _) = self.operations.split_at(end);
            let acknowledged = done.iter().filter(|it| **it == Op::Acknowledge).count();
            let states = if self.power { power(done) } else { process(done) };
            for state in states {
                if check(acknowledged, state).is_break() {
                    return;
                }
            }
        }
    }
}

fn process(done: &[Op]) -> BTreeSet<State> {
    let mut states = BTreeSet::from([Disk::replay(done, |_| true).state(Unsynced::All)]);
    if let Some((Op::Write(path, bytes), before)) = done.split_last() {
        let mut torn = before.to_vec();
        torn.push(Op::Write(path.clone(), bytes[..bytes.len() / 2].to_vec()));
        states.insert(Disk::replay(&torn, |_| true).state(Unsynced::All));
    }
    states
}

fn power(done: &[Op]) -> BTreeSet<State> {
    // Names of what is under way promise nothing after a crash: all of them are there, or none.
    let private = |operation: &Op| directories(operation).iter().all(|it| *it == WORK);
    let durable = durable(done);
    let open: Vec<_> = (0..done.len())
        .filter(|at| !durable.contains(at) && !directories(&done[*at]).is_empty())
        .filter(|at| !private(&done[*at]))
        .collect();
    let (settled, open) = open.split_at(open.len().saturating_sub(COMBINED));
    let mut states = BTreeSet::new();
    for subset in 0..1_u32 << open.len() {
        for rest in [false, true] {
            let is_there = |at: usize| {
                let operation = &done[at];
                match open.iter().position(|it| *it == at) {
                    Some(bit) => subset & (1 << bit) != 0,
                    None if private(operation) || settled.contains(&at) => rest,
                    None => true,
                }
            };
            let disk = Disk::replay(done, is_there);
            for unsynced in [Unsynced::Nothing, Unsynced::Half, Unsynced::Zeros, Unsynced::All] {
                states.insert(disk.state(unsynced));
            }
        }
    }
    states
}

/// The changes of names that a later sync of one of their directories has made durable.
fn durable(done: &[Op]) -> BTreeSet<usize> {
    let mut durable = BTreeSet::new();
    for (end, operation) in done.iter().enumerate() {
        if let Op::SyncDir(directory) = operation {
            let touched = (0..end).filter(|at| directories(&done[*at]).contains(&&**directory));
            durable.extend(touched);
        }
    }
    durable
}

/// The directories whose names the operation changes.
fn directories(operation: &Op) -> Vec<&str> {
    match operation {
        Op::CreateDir(path) | Op::Create(path) | Op::Link(path, _) | Op::Remove(path) => {
            vec![split(path).0]
        }
        Op::Rename(from, to) => vec![split(from).0, split(to).0],
        Op::Write(..) | Op::WriteAt(..) | Op::Sync(_) | Op::SyncDir(_) | Op::Acknowledge => vec![],
    }
}

/// Files by number, so that a name can come to a file whose first name never reached the disk.
#[derive(Default)]
struct Disk {
    directories: BTreeSet<String>,
    names: BTreeMap<String, usize>,
    files: Vec<Content>,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
}

impl Disk {
    /// Does the operations again; of the names, only those that are said to be there.
    fn replay(done: &[Op], is_there: impl Fn(usize) -> bool) -> Self {
        let mut disk = Self::default();
        // What the process saw, whatever reached the disk.
        let mut seen = BTreeMap::<&str, usize>::new();
        for (at, operation) in done.iter().enumerate() {
            match operation {
                Op::CreateDir(path) if is_there(at) => {
                    disk.directories.insert(path.clone());
                }
                Op::Create(path) | Op::Link(path, _) => {
                    seen.insert(path, disk.files.len());
                    if is_there(at) {
                        disk.names.insert(path.clone(), disk.files.len());
                    }
                    let mut file = Content::default();
                    if let Op::Link(_, bytes) = operation {
                        file.bytes.clone_from(bytes);
                    }
                    disk.files.push(file);
                }
                Op::Write(path, bytes) => disk.files[seen[&**path]].bytes.extend(bytes),
                Op::WriteAt(path, offset, bytes) => {
                    let (file, offset) = (&mut disk.files[seen[&**path]], *offset as usize);
                    file.synced = file.synced.min(offset);
                    let length = file.bytes.len().max(offset + bytes.len());
                    file.bytes.resize(length, 0);
                    file.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
                }
                Op::Sync(path) => {
                    let file = &mut disk.files[seen[&**path]];
                    file.synced = file.bytes.len();
                }
                Op::Rename(from, to) => {
                    let file = seen.remove(&**from).unwrap();
                    seen.insert(to, file);
                    if is_there(at) {
                        disk.names.remove(from);
                        disk.names.insert(to.clone(), file);
                    }
                }
                Op::Remove(path) => {
                    seen.remove(&**path);
                    if is_there(at) {
                        disk.names.remove(path);
                    }
                }
                Op::CreateDir(_) | Op::SyncDir(_) | Op::Acknowledge => {}
            }
        }
        disk
    }

    fn state(&self, unsynced: Unsynced) -> State {
        let content = |file: &usize| {
            let Content { bytes, synced } = &self.files[*file];
            let (safe, rest) = bytes.split_at(*synced);
            let mut content = safe.to_vec();
            match unsynced {
                Unsynced::Nothing => {}
                Unsynced::Half => content.extend(&rest[..rest.len() / 2]),
                Unsynced::Zeros => content.resize(bytes.len(), 0),
                Unsynced::All => content.extend(rest),
            }
            content
        };
        // What is in a directory that is not there is not there.
        let parent_is_there = |path: &String| {
            let mut parent = split(path).0;
            while parent != "." {
                if !self.directories.contains(parent) {
                    return false;
                }
                parent = split(parent).0;
            }
            true
        };
        let directories = self.directories.iter().filter(|it| parent_is_there(it)).cloned();
        let directories = directories.collect();
        let names = self.names.iter().filter(|(path, _)| parent_is_there(path));
        let files = names.map(|(path, file)| (path.clone(), content(file))).collect();
        State { directories, files }
    }
}

impl State {
    /// Makes a directory so.
    pub(super) fn write(&self, root: &Path) {
        for directory in &self.directories {
            fs::create_dir(root.join(directory)).unwrap();
        }
        for (path, content) in &self.files {
            fs::write(root.join(path), content).unwrap();
        }
    }
}
