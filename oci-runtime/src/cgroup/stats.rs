//! Reading what the processes of a cgroup use.

mod unified;
mod version_1;

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::path::Path;
use std::str::SplitWhitespace;

use super::Cgroup;
use crate::stats::Stats;

impl Cgroup {
    /// How many processes the kernel killed because memory was short. None: it does not count them.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        let group = self.group("memory")?;
        let file = if group.is_unified() { "memory.events" } else { "memory.oom_control" };
        field(&group.directory.join(file), "oom_kill")
    }

    /// Reads what the processes use.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        if let Some(group) = self.unified() {
            unified::read(&group.directory, &mut stats);
        }
        for group in self.groups.iter().filter(|group| !group.is_unified()) {
            for controller in &group.controllers {
                version_1::read(controller, &group.directory, &mut stats);
            }
        }
        stats.memory.oom_kills = self.oom_kills();
        stats
    }
}

/// A file with one number.
fn number(path: &Path) -> Option<u64> {
    read_to_string(path).ok()?.trim().parse().ok()
}

/// The number of a name in a file of lines `NAME NUMBER`.
pub(super) fn field(path: &Path, name: &str) -> Option<u64> {
    let text = read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

/// All numbers of a file of lines `NAME NUMBER`.
fn fields(path: &Path) -> BTreeMap<String, u64> {
    let text = read_to_string(path).unwrap_or_default();
    let rows = text.lines().filter_map(|line| {
        let (name, number) = line.split_once(char::is_whitespace)?;
        Some((name.into(), number.trim().parse().ok()?))
    });
    rows.collect()
}

/// The members of words `NAME=NUMBER`.
fn members(words: SplitWhitespace<'_>) -> impl Iterator<Item = (&str, u64)> {
    words.filter_map(|word| {
        let (name, number) = word.split_once('=')?;
        Some((name, number.parse().ok()?))
    })
}

/// The number of a block device, as in `8:0`.
fn device(word: &str) -> Option<(u64, u64)> {
    let (major, minor) = word.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The sizes of huge pages, by the files that begin with `hugetlb.` and end so.
fn huge_page_sizes(directory: &Path, end: &str) -> Vec<String> {
    let names = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let sizes = names.filter_map(|name| {
        let size = name.strip_prefix("hugetlb.")?.strip_suffix(end)?;
        // `hugetlb.2MB.rsvd.current` counts reservations.
        (!size.contains('.')).then(|| size.to_owned())
    });
    sizes.collect()
}
