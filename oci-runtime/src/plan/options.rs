//! The words of mount options.

use super::{Attribute, Change, Propagation, PropagationKind};
use crate::spec::linux::RootfsPropagation;

/// Counts the changes of each file. It has no opposite that a filesystem would take: without it is the default.
pub(crate) const IVERSION: &str = "iversion";

/// Words for the superblock that turn something on, and off again.
const SWITCHES: [(&str, &str); 3] =
    [("sync", "async"), ("lazytime", "nolazytime"), ("mand", "nomand")];

/// Words for attributes, and whether they set or clear. With an `r` before them they are for the mounts below too.
const ATTRIBUTES: [(&str, Attribute, bool); 18] = [
    ("ro", Attribute::Ro, true),
    ("rw", Attribute::Ro, false),
    ("nosuid", Attribute::NoSuid, true),
    ("suid", Attribute::NoSuid, false),
    ("nodev", Attribute::NoDev, true),
    ("dev", Attribute::NoDev, false),
    ("noexec", Attribute::NoExec, true),
    ("exec", Attribute::NoExec, false),
    ("nodiratime", Attribute::NoDirAtime, true),
    ("diratime", Attribute::NoDirAtime, false),
    ("nosymfollow", Attribute::NoSymFollow, true),
    ("symfollow", Attribute::NoSymFollow, false),
    ("noatime", Attribute::NoAtime, true),
    ("strictatime", Attribute::StrictAtime, true),
    // Without the others, access times are relative: that is the default of the kernel.
    ("relatime", Attribute::Relatime, true),
    ("atime", Attribute::Relatime, true),
    ("norelatime", Attribute::Relatime, true),
    ("nostrictatime", Attribute::Relatime, true),
];

/// The words beside these that are carried out.
const OTHERS: [&str; 12] = [
    "bind",
    "defaults",
    "dirsync",
    "idmap",
    IVERSION,
    "loud",
    "noiversion",
    "rbind",
    "remount",
    "ridmap",
    "silent",
    "tmpcopyup",
];

/// Mount options, understood.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) change: Change,
    pub(super) recursive_change: Change,
    pub(super) propagation: Option<Propagation>,
    pub(super) bind: bool,
    pub(super) recursive_bind: bool,
    pub(super) remount: bool,
    /// An id mapping is asked for; the value says whether for the mounts below too.
    pub(super) idmap: Option<bool>,
    /// Words for the superblock.
    pub(super) superblock: Vec<String>,
    /// All else: for the filesystem.
    pub(super) data: Vec<String>,
    /// What is covered is copied.
    pub(super) copy_up: bool,
}

impl Options {
    /// The words for the superblock that are not the default.
    pub(super) fn superblock_options(&self) -> impl Iterator<Item = &String> {
        let is_off = |word: &&String| SWITCHES.iter().any(|(_, off)| off == word);
        self.superblock.iter().filter(move |word| !is_off(word))
    }

    /// Reads the words in order; of two that contradict each other the later counts.
    pub(super) fn parse(words: &[String]) -> Self {
        let mut options = Self::default();
        for word in words {
            options.word(word);
        }
        options
    }

    fn word(&mut self, word: &str) {
        if let Some((attribute, set)) = attribute(word) {
            change(&mut self.change, attribute, set);
        } else if let Some((attribute, set)) = word.strip_prefix('r').and_then(attribute) {
            change(&mut self.recursive_change, attribute, set);
        } else if let Some(propagation) = propagation(&word.into()) {
            self.propagation = Some(propagation);
        } else {
            self.other(word);
        }
    }

    fn other(&mut self, word: &str) {
        if let Some((on, off)) = SWITCHES.into_iter().find(|pair| pair.0 == word || pair.1 == word)
        {
            self.superblock.retain(|other| other != on && other != off);
            self.superblock.push(word.into());
            return;
        }
        match word {
            "" | "defaults" | "loud" | "silent" => {}
            "bind" => self.bind = true,
            "rbind" => (self.bind, self.recursive_bind) = (true, true),
            "remount" => self.remount = true,
            "idmap" => self.idmap = Some(false),
            "ridmap" => self.idmap = Some(true),
            "noiversion" => self.superblock.retain(|word| word != IVERSION),
            "dirsync" | IVERSION => self.superblock.push(word.into()),
            "tmpcopyup" => self.copy_up = true,
            data => self.data.push(data.into()),
        }
    }
}

/// The attribute that a word sets or clears.
fn attribute(word: &str) -> Option<(Attribute, bool)> {
    let found = ATTRIBUTES.iter().find(|(known, ..)| *known == word)?;
    Some((found.1, found.2))
}

fn change(change: &mut Change, attribute: Attribute, set: bool) {
    let replaces = |other: &Attribute| {
        *other == attribute || (attribute.is_access_time() && other.is_access_time())
    };
    change.set.retain(|other| !replaces(other));
    change.clear.retain(|other| !replaces(other));
    if set { change.set.push(attribute) } else { change.clear.push(attribute) }
}

/// How mounts propagate: the words of `rootfsPropagation` are mount options, too.
pub(super) fn propagation(word: &RootfsPropagation) -> Option<Propagation> {
    let (kind, recursive) = match word {
        RootfsPropagation::Shared => (PropagationKind::Shared, false),
        RootfsPropagation::Slave => (PropagationKind::Slave, false),
        RootfsPropagation::Private => (PropagationKind::Private, false),
        RootfsPropagation::Unbindable => (PropagationKind::Unbindable, false),
        RootfsPropagation::RecursiveShared => (PropagationKind::Shared, true),
        RootfsPropagation::RecursiveSlave => (PropagationKind::Slave, true),
        RootfsPropagation::RecursivePrivate => (PropagationKind::Private, true),
        RootfsPropagation::RecursiveUnbindable => (PropagationKind::Unbindable, true),
        RootfsPropagation::Other(_) => return None,
    };
    Some(Propagation { kind, recursive })
}

/// All words that are understood and carried out, whatever the filesystem is.
pub(super) fn words() -> Vec<String> {
    let attributes = ATTRIBUTES.iter().flat_map(|(word, ..)| [(*word).into(), format!("r{word}")]);
    let propagations = RootfsPropagation::LISTED.iter().map(ToString::to_string);
    let switches = SWITCHES.iter().flat_map(|(on, off)| [*on, *off]);
    let others = switches.chain(OTHERS).map(String::from);
    let mut words: Vec<String> = attributes.chain(propagations).chain(others).collect();
    words.sort_unstable();
    words
}
