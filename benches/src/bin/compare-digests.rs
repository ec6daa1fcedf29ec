//! The SHA-256 digest of a file by this workspace and by others, in turn; prints medians.
//!
//! Each contestant reads the file from start to end: the programs as they do it, the libraries in
//! pieces of 256 KiB. What the programs take contains their start. AWS-LC is C that takes a minute to
//! build, so it takes part only with `--features aws-lc`. Needs `sha256sum` and `openssl`; a program
//! that is not installed is left out.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use oci_digest::{Algorithm, Hasher};

const USAGE: &str = "\
usage: compare-digests [ROUNDS [MEBIBYTES]]

  ROUNDS      how often each contestant runs (5)
  MEBIBYTES   the size of the file (256)";

const PIECE: usize = 256 << 10;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument.starts_with('-')) {
        return println!("{USAGE}");
    }
    let number = |at: usize, default| arguments.get(at).map_or(default, |n| n.parse().unwrap());
    let (rounds, mebibytes): (usize, usize) = (number(0, 5), number(1, 256));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write_content(file.as_file_mut(), mebibytes);
    let samples = run(rounds, file.path());
    print(mebibytes, rounds, samples);
}

/// A name, and a function that returns the digest in hex, or None if the program is not installed.
type Contestant = (&'static str, &'static str, fn(&Path) -> Option<String>);

/// The others are compared with the first.
const CONTESTANTS: &[Contestant] = &[
    ("ours", "`oci_digest::Hasher`", ours),
    ("ring", "`ring::digest::Context`", ring),
    #[cfg(feature = "aws-lc")]
    ("AWS-LC", "`aws_lc_rs::digest::Context`", aws_lc),
    ("coreutils", "`sha256sum FILE`", |file| program("sha256sum", &[], file)),
    ("OpenSSL", "`openssl dgst -sha256 -r FILE`", |file| {
        program("openssl", &["dgst", "-sha256", "-r"], file)
    }),
];

/// The seconds of each contestant; each round begins with another one, and all agree on the digest.
fn run(rounds: usize, file: &Path) -> Vec<Vec<f64>> {
    let expected = ours(file);
    let mut samples = vec![Vec::new(); CONTESTANTS.len()];
    for turn in 0..rounds * CONTESTANTS.len() {
        let at = (turn / CONTESTANTS.len() + turn) % CONTESTANTS.len();
        let (name, _, digest) = CONTESTANTS[at];
        let start = Instant::now();
        let answer = digest(file);
        let wall = start.elapsed().as_secs_f64();
        if answer.is_some() {
            assert_eq!(answer, expected, "{name}");
            samples[at].push(wall);
        }
    }
    samples
}

fn print(mebibytes: usize, rounds: usize, samples: Vec<Vec<f64>>) {
    println!("SHA-256 of {mebibytes} MiB, medians of {rounds} rounds\n");
    println!("| who | by | wall s (min) | MiB/s | times ours |");
    println!("|---|---|---|---|---|");
    let mut first = None;
    for ((name, by, _), mut samples) in CONTESTANTS.iter().zip(samples) {
        samples.sort_by(f64::total_cmp);
        let Some(&median) = samples.get(samples.len() / 2) else {
            println!("| {name} | {by} | not there | | |");
            continue;
        };
        let (least, speed) = (samples[0], mebibytes as f64 / median);
        let ratio = median / *first.get_or_insert(median);
        println!("| {name} | {by} | {median:.3} ({least:.3}) | {speed:.0} | {ratio:.2} |");
    }
}

/// Writes pieces that differ.
fn write_content(file: &mut File, mebibytes: usize) {
    for number in 0..mebibytes {
        let piece: Vec<_> =
            (0..1_usize << 20).map(|at| (at * 31 + at / 251 + number) as u8).collect();
        file.write_all(&piece).unwrap();
    }
    file.sync_all().unwrap();
}

fn ours(file: &Path) -> Option<String> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    pieces(file, |piece| hasher.update(piece));
    Some(hasher.finish().encoded().to_owned())
}

fn ring(file: &Path) -> Option<String> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    pieces(file, |piece| context.update(piece));
    Some(hex(context.finish().as_ref()))
}

#[cfg(feature = "aws-lc")]
fn aws_lc(file: &Path) -> Option<String> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    pieces(file, |piece| context.update(piece));
    Some(hex(context.finish().as_ref()))
}

/// Both programs write the digest first, and then a blank.
fn program(name: &str, arguments: &[&str], file: &Path) -> Option<String> {
    let output = match Command::new(name).args(arguments).arg(file).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().split(' ').next().map(str::to_owned)
}

fn pieces(file: &Path, mut take: impl FnMut(&[u8])) {
    let mut file = File::open(file).unwrap();
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return,
            length => take(&buffer[..length]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
