//! The command line of the programs that compare on files: `[DIRECTORY [ROUNDS [SIZE...]]]`.

use std::path::{Path, PathBuf};

/// Where to work, how often, and on how much.
#[derive(Debug)]
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Reads the command line. None if there is nothing to compare: what follows `ours` is one task, done at once,
    /// and an option asks for the usage.
    pub fn read(usage: &str, task: fn(&[&str])) -> Option<Self> {
        let words: Vec<_> = std::env::args().skip(1).collect();
        match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ours", words @ ..] => task(words),
            words if words.iter().any(|word| word.starts_with('-')) => println!("{usage}"),
            _ => return Some(Self(words)),
        }
        None
    }

    /// The directory to work in, or else this one.
    pub fn directory(&self, default: &Path) -> PathBuf {
        self.0.first().map_or_else(|| default.to_owned(), PathBuf::from)
    }

    /// How often each contestant runs: five times unless given.
    pub fn rounds(&self) -> u64 {
        self.number(1, 5)
    }

    /// The first, second and so on of the sizes, counted from 0.
    pub fn size(&self, place: usize, default: u64) -> u64 {
        self.number(2 + place, default)
    }

    fn number(&self, at: usize, default: u64) -> u64 {
        self.0.get(at).map_or(default, |word| word.parse().unwrap())
    }
}
