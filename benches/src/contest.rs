//! One task, and the programs that do it.

use std::path::Path;

use crate::measure::{Contestant, Sample};
use crate::table::Table;

/// A task for several programs.
#[derive(Debug)]
pub struct Contest {
    name: &'static str,
    contestants: Vec<Contestant>,
}

impl Contest {
    /// The contestants by name and shell command; the others are compared with the first.
    pub fn new(name: &'static str, contestants: &[(&'static str, String)]) -> Self {
        let contestant = |(name, line): &(&'static str, String)| Contestant::new(name, line);
        Self { name, contestants: contestants.iter().map(contestant).collect() }
    }

    /// Runs this shell command before each run of each contestant, and does not measure it.
    #[must_use]
    pub fn prepared_by(mut self, line: &str) -> Self {
        for contestant in &mut self.contestants {
            contestant.prepare = line.to_owned();
        }
        self
    }

    /// Runs the contestants in turn, each round beginning with another one, and prints a table.
    pub fn run(&self, rounds: u64, out: &Path) {
        let mut samples = vec![Vec::<Sample>::new(); self.contestants.len()];
        for round in 0..rounds {
            for turn in 0..self.contestants.len() {
                let at = (round as usize + turn) % self.contestants.len();
                samples[at].extend(self.contestants[at].run(out));
            }
        }
        let mut table = Table::new(self.name);
        for (contestant, samples) in self.contestants.iter().zip(&samples) {
            table.add(contestant.name, samples);
        }
        table.print();
    }
}
