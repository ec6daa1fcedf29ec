//! The command line of the programs that compare on files: `[DIRECTORY [ROUNDS [SIZE...]]]`.

use std::path::Path;

use crate::contest::Contest;
use crate::measure;

/// Where to work, how often, and on how much.
#[derive(Debug)]
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Reads the command line. None if there is nothing to compare: the words after `ours` are one task, which is done,
    /// and an option prints the usage.
    pub fn read(usage: &str, task: fn(&[&str])) -> Option<Self> {
        let words: Vec<_> = std::env::args().skip(1).collect();
        match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ours", words @ ..] => task(words),
            words if words.iter().any(|word| word.starts_with('-')) => println!("{usage}"),
            _ => return Some(Self(words)),
        }
        None
    }

    /// The first, second and so on of the sizes, counted from 0.
    pub fn size(&self, place: usize, default: u64) -> u64 {
        self.number(2 + place, default)
    }

    /// Runs the contests that `make` prepares in a new directory `name`, and removes the directory. `make` also
    /// returns what describes the inputs.
    pub fn compare(&self, name: &str, make: impl FnOnce(&Path) -> (String, Vec<Contest>)) {
        let temporary = tempfile::tempdir().unwrap();
        let parent = self.0.first().map_or(temporary.path(), Path::new);
        let directory = parent.join(name);
        let (inputs, contests) = make(&directory);
        println!("{inputs} on {}", measure::filesystem(&directory));
        for contest in contests {
            contest.run(self.number(1, 5), &directory.join("out"));
        }
        std::fs::remove_dir_all(directory).unwrap();
    }

    fn number(&self, at: usize, default: u64) -> u64 {
        self.0.get(at).map_or(default, |word| word.parse().unwrap())
    }
}
