//! The SHA-256 digest of a file by this workspace and by others, in turn; prints medians.
//!
//! Each contestant reads the file from start to end: the programs as they do it, the libraries in
//! pieces of 256 KiB. What the programs take contains their start. AWS-LC is C that takes a minute to
//! build, so it takes part only with `--features aws-lc`. Needs `sha256sum` and `openssl`; a program
//! that is not installed is left out.
//!
//! Ours takes part by each implementation that the processor can run, alone and with eight files of that content at
//! once in one thread, of which the time of one is an eighth. OpenSSL takes part with and without the
//! processor's SHA instructions, so the rows of a processor that has them also say what one without them would do.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use oci_digest::{Hasher, Implementation};

const USAGE: &str = "\
usage: compare-digests [ROUNDS [MEBIBYTES]]

  ROUNDS      how often each contestant runs (5)
  MEBIBYTES   the size of the file (256)";

const PIECE: usize = 256 << 10;

/// How many files are hashed at once.
const FILES: usize = 8;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument.starts_with('-')) {
        return println!("{USAGE}");
    }
    let number = |at: usize, default| arguments.get(at).map_or(default, |n| n.parse().unwrap());
    let (rounds, mebibytes): (usize, usize) = (number(0, 5), number(1, 256));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write_content(file.as_file_mut(), mebibytes);
    let contestants = contestants();
    let samples = run(rounds, &contestants, file.path());
    print(mebibytes, rounds, &contestants, samples);
}

type DigestOf = dyn Fn(&Path) -> Option<String>;

/// One that computes the digest of a file.
struct Contestant {
    name: String,
    by: String,
    /// Gives the digest in hexadecimal characters, or `None` if the program is not installed.
    digest: Box<DigestOf>,
    /// How many files of the same content it hashes.
    files: usize,
}

impl Contestant {
    fn new(name: &str, by: &str, digest: impl Fn(&Path) -> Option<String> + 'static) -> Self {
        Self { name: name.to_owned(), by: by.to_owned(), digest: Box::new(digest), files: 1 }
    }
}

/// The others are compared with the first.
fn contestants() -> Vec<Contestant> {
    let mut contestants: Vec<_> = Implementation::available()
        .map(|implementation| {
            let name = format!("ours, {}", implementation.name());
            let digest = move |file: &Path| ours(implementation, file);
            Contestant::new(&name, "`oci_digest::Hasher`", digest)
        })
        .collect();
    contestants.extend(Implementation::available().map(|implementation| {
        let name = format!("ours, {}, eight at once", implementation.name());
        let digest = move |file: &Path| ours_at_once(implementation, file);
        let files = FILES;
        Contestant { files, ..Contestant::new(&name, "`Hasher::update_many`", digest) }
    }));
    contestants.push(Contestant::new("ring", "`ring::digest::Context`", ring));
    #[cfg(feature = "aws-lc")]
    contestants.push(Contestant::new("AWS-LC", "`aws_lc_rs::digest::Context`", aws_lc));
    contestants.push(Contestant::new("coreutils", "`sha256sum FILE`", |file| {
        program(Command::new("sha256sum").arg(file))
    }));
    let openssl = |file: &Path| {
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-r"]).arg(file);
        openssl
    };
    contestants.push(Contestant::new("OpenSSL", "`openssl dgst -sha256 -r FILE`", move |file| {
        program(&mut openssl(file))
    }));
    #[cfg(target_arch = "x86_64")]
    contestants.push(Contestant::new(
        "OpenSSL without SHA-NI",
        "the same with `OPENSSL_ia32cap=:~0x20000000`",
        move |file| program(openssl(file).env("OPENSSL_ia32cap", ":~0x20000000")),
    ));
    contestants
}

/// The seconds of each contestant; each round begins with another one, and all agree on the digest.
fn run(rounds: usize, contestants: &[Contestant], file: &Path) -> Vec<Vec<f64>> {
    let expected = ours(Implementation::default(), file);
    let mut samples = vec![Vec::new(); contestants.len()];
    for turn in 0..rounds * contestants.len() {
        let at = (turn / contestants.len() + turn) % contestants.len();
        let start = Instant::now();
        let answer = (contestants[at].digest)(file);
        let wall = start.elapsed().as_secs_f64();
        if answer.is_some() {
            assert_eq!(answer, expected, "{}", contestants[at].name);
            samples[at].push(wall / contestants[at].files as f64);
        }
    }
    samples
}

fn print(mebibytes: usize, rounds: usize, contestants: &[Contestant], samples: Vec<Vec<f64>>) {
    println!("SHA-256 of {mebibytes} MiB, medians of {rounds} rounds\n");
    println!("| who | by | wall s (min) | MiB/s | times ours |");
    println!("|---|---|---|---|---|");
    let mut first = None;
    for (Contestant { name, by, .. }, mut samples) in contestants.iter().zip(samples) {
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

fn ours(implementation: Implementation, file: &Path) -> Option<String> {
    let mut hasher = Hasher::sha256_by(implementation);
    pieces(file, |piece| hasher.update(piece));
    Some(hasher.finish().encoded().to_owned())
}

/// The digest that all of [`FILES`] have.
fn ours_at_once(implementation: Implementation, file: &Path) -> Option<String> {
    let mut files: Vec<_> = (0..FILES).map(|_| File::open(file).unwrap()).collect();
    let mut hashers = vec![Hasher::sha256_by(implementation); FILES];
    let mut pieces = vec![vec![0; PIECE]; FILES];
    loop {
        let mut lengths = files.iter_mut().zip(&mut pieces).map(|(file, piece)| file.read(piece));
        let length = lengths.next()?.unwrap();
        assert!(lengths.all(|other| other.unwrap() == length));
        if length == 0 {
            break;
        }
        let pieces = pieces.iter().map(|piece| &piece[..length]);
        Hasher::update_many(hashers.iter_mut().zip(pieces));
    }
    let mut digests = hashers.into_iter().map(|hasher| hasher.finish().encoded().to_owned());
    let first = digests.next()?;
    assert!(digests.all(|digest| digest == first));
    Some(first)
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

/// All programs write the digest first, and then a blank.
fn program(command: &mut Command) -> Option<String> {
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{command:?}: {}", output.status);
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
