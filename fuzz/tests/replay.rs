//! Replays the corpus, and mutations of it, through every target.
//!
//! The mutations come from a fixed seed: what fails here fails on every machine.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use oci_fuzz::layer::{archive_members, layer_peers, mutate as archive};
use oci_fuzz::random::Random;
use oci_fuzz::{PEER_TARGETS, TARGETS, Target};

const MUTATIONS: usize = 2000;

/// Pieces of text that the grammars know.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e400",
    b"9223372036854775808",
    b"\\u0000",
    b"\\ud800",
    b"\xc5\xbf",
    b"\xe2\x84\xaa",
    b"/",
    b"..",
    b"@",
    b"sha256:",
    b"\xff",
    b"\0",
    b"%2F",
    b"\"mediaType\":",
    b"\"Layers\":[]",
    b"\"manifests\":[]",
    b"{}",
    b"[]",
    b" ",
    b"\n",
];

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

#[test]
fn every_target_holds_on_its_corpus() {
    replay(TARGETS);
}

#[test]
fn every_target_holds_on_mutations_of_its_corpus() {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    holds_on_mutations(target);
                }
            });
        }
    });
}

fn holds_on_mutations((name, target): &Target) {
    let seeds = seeds(name);
    let mut random = Random::new(0);
    for round in 0..MUTATIONS {
        let mutant = mutate(&mut random, &seeds);
        run(*target, &mutant, &format!("{name}, round {round}"));
    }
}

#[test]
fn layers_and_archives_are_read_the_same_whatever_becomes_of_them() {
    let seeds = [seeds("archive_members"), seeds("layer_peers")].concat();
    let mut random = Random::new(0);
    for round in 0..MUTATIONS {
        let mut mutant = random.pick(&seeds).clone();
        archive::mutate(&mut mutant, &mut random);
        run(archive_members, &mutant, &format!("round {round}"));
    }
}

#[test]
fn every_target_that_asks_other_programs_holds_on_its_corpus() {
    oci_testing::needs!(gnu_tar, "python3");
    replay(PEER_TARGETS);
}

#[test]
fn layers_are_read_as_by_others_whatever_becomes_of_them() {
    oci_testing::needs!(gnu_tar, "python3");
    let seeds = seeds("layer_peers");
    let mut random = Random::new(0);
    for round in 0..MUTATIONS {
        let mut mutant = random.pick(&seeds).clone();
        archive::mutate(&mut mutant, &mut random);
        run(layer_peers, &mutant, &format!("round {round}"));
    }
}

#[test]
fn every_target_has_its_folder_and_its_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets = [TARGETS, PEER_TARGETS].concat();
    let named: BTreeSet<_> = targets.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named.len(), targets.len(), "two targets of one name");
    for folder in ["corpus", "fuzz_targets"] {
        let there: BTreeSet<_> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(there, named, "{folder}");
    }
}

fn replay(targets: &[Target]) {
    for (name, target) in targets {
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for (file, bytes) in corpus {
            run(*target, &bytes, &file.display().to_string());
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    corpus(target).into_iter().map(|(_, bytes)| bytes).collect()
}

fn run(target: fn(&[u8]), bytes: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        panic!("{what}: the property does not hold for {:?}", String::from_utf8_lossy(bytes));
    }
}

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(seeds).clone();
    for _ in 0..=random.below(3) {
        let place = random.below(bytes.len() + 1);
        let end = (place + random.below(16)).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(place..end)),
            1 => drop(bytes.splice(place..place, random.pick(WORDS).iter().copied())),
            2 => drop(bytes.splice(place..end, random.pick(WORDS).iter().copied())),
            3 => {
                let copy = bytes[place..end].to_vec();
                let to = random.below(bytes.len() + 1);
                drop(bytes.splice(to..to, copy));
            }
            4 => {
                let other = random.pick(seeds);
                let from = random.below(other.len() + 1);
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}
