//! A stream that is accepted is read the same by GNU tar and by Python's tarfile.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use oci_image::Digest;
use oci_image::layer::{Change, Compression, Device, EntryPath, Kind, Writer};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::read::{Listing, list};
use super::{accept, generate};

/// Runs a program with something to read.
fn run(program: &str, arguments: &[&str], input: Vec<u8>) -> (bool, Vec<u8>) {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    // GNU tar may stop reading at the end of the archive.
    let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    (output.status.success(), output.stdout)
}

/// What Python says of each archive: lines of its members, or that it refuses it.
fn python(archives: &[Vec<u8>]) -> Vec<Vec<String>> {
    let mut input = Vec::new();
    for archive in archives {
        input.extend_from_slice(&(archive.len() as u64).to_le_bytes());
        input.extend_from_slice(archive);
    }
    let (success, output) = run("python3", &["-c", include_str!("oracle.py")], input);
    assert!(success);
    let mut all = vec![Vec::new()];
    for line in String::from_utf8(output).unwrap().lines() {
        match line {
            "end" => all.push(Vec::new()),
            line => all.last_mut().unwrap().push(line.to_owned()),
        }
        if line.starts_with("error") {
            all.push(Vec::new());
        }
    }
    all.pop();
    assert_eq!(all.len(), archives.len());
    all
}

fn path(name: &[u8]) -> EntryPath {
    match name {
        b"" => EntryPath::ROOT,
        name => EntryPath::parse(name).unwrap(),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// The name by which a change stands in the archive.
fn name(change: &Change) -> EntryPath {
    match change {
        Change::Upsert(entry) => entry.path.clone(),
        Change::Whiteout(path) => {
            let name = [b".wh.", path.name().unwrap()].concat();
            path.parent().unwrap().join(&name).unwrap()
        }
        Change::Opaque(path) => path.join(b".wh..wh..opq").unwrap(),
    }
}

fn same_as_python(listing: &Listing, lines: &[String]) -> Result<(), String> {
    if listing.len() != lines.len() {
        return Err(format!("{} members", lines.len()));
    }
    for ((change, content), line) in listing.iter().zip(lines) {
        let fields: Vec<_> = line.split(' ').collect();
        let [found, kind, mode, uid, gid, size, mtime, link, device, sum] = fields[..] else {
            return Err(line.clone());
        };
        let mut checks = vec![path(&unhex(found)) == name(change)];
        if let Change::Upsert(entry) = change {
            let metadata = &entry.metadata;
            let expected = match &entry.kind {
                Kind::File { .. } => "30",
                Kind::Hardlink { target } => {
                    checks.push(path(&unhex(link)) == *target);
                    "31"
                }
                Kind::Symlink { target } => {
                    checks.push(unhex(link) == *target);
                    "32"
                }
                Kind::CharDevice(Device { major, minor }) => {
                    checks.push(device == format!("{major}:{minor}"));
                    "33"
                }
                Kind::BlockDevice(Device { major, minor }) => {
                    checks.push(device == format!("{major}:{minor}"));
                    "34"
                }
                Kind::Directory => "35",
                Kind::Fifo => "36",
            };
            let time =
                metadata.mtime.seconds() as f64 + f64::from(metadata.mtime.nanoseconds()) / 1e9;
            checks.extend([
                kind == expected || kind == "00" && expected == "30",
                mode == format!("{:o}", metadata.mode),
                uid == metadata.uid.to_string(),
                gid == metadata.gid.to_string(),
                size == entry.size().to_string(),
                (mtime.parse::<f64>().unwrap() - time).abs() <= time.abs() * 1e-15 + 1e-9,
                sum == Digest::sha256(content).encoded(),
            ]);
        }
        if let Some(index) = checks.iter().position(|good| !good) {
            return Err(format!("check {index} of {change}: {line}"));
        }
    }
    Ok(())
}

/// Reads the names that GNU tar lists, with C's escapes.
fn unescape(line: &[u8]) -> Vec<u8> {
    let mut bytes = line.iter().copied();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            name.push(byte);
            continue;
        }
        name.push(match bytes.next().unwrap() {
            b'a' => 7,
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'v' => 11,
            b'f' => 12,
            b'r' => 13,
            digit @ b'0'..=b'7' => {
                let rest = [bytes.next().unwrap(), bytes.next().unwrap()];
                rest.iter().fold(digit - b'0', |value, digit| value * 8 + (digit - b'0'))
            }
            other => other,
        });
    }
    name
}

fn same_as_tar(listing: &Listing, archive: &[u8]) -> Result<(), String> {
    let arguments = ["--quoting-style=escape", "-P", "-t", "-f", "-"];
    let (success, output) = run("tar", &arguments, archive.to_vec());
    if !success {
        return Err("refused".to_owned());
    }
    let names: Vec<_> = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| path(&unescape(line)))
        .collect();
    if names != listing.iter().map(|(change, _)| name(change)).collect::<Vec<_>>() {
        return Err(format!("{names:?}"));
    }
    let has_markers = listing.iter().any(|(change, _)| !matches!(change, Change::Upsert(_)));
    let (_, output) = run("tar", &["-P", "-x", "-O", "-f", "-"], archive.to_vec());
    let contents = listing.iter().flat_map(|(_, content)| content).copied().collect::<Vec<_>>();
    match has_markers || output == contents {
        true => Ok(()),
        false => Err("other contents".to_owned()),
    }
}

fn check(archives: &[Vec<u8>]) {
    for (archive, lines) in archives.iter().zip(python(archives)) {
        let listing = list(archive).unwrap();
        let says = |program: &str, result: Result<(), String>| {
            if let Err(says) = result {
                let shown: Vec<_> = listing.iter().map(|(change, _)| change.to_string()).collect();
                panic!("{program}: {says}\nours: {shown:#?}\n{lines:#?}");
            }
        };
        says("python3", same_as_python(&listing, &lines));
        says("tar", same_as_tar(&listing, archive));
    }
}

fn written() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let changes = generate::changes();
    (0..60)
        .map(|_| {
            let changes = changes.new_tree(&mut runner).unwrap().current();
            let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap();
            for (change, content) in &changes {
                writer.append(change).unwrap();
                writer.write_all(content).unwrap();
            }
            writer.finish().unwrap().0
        })
        .collect()
}

fn good() -> Vec<Vec<u8>> {
    accept::corpus().into_iter().map(|(_, archive, _)| archive).collect()
}

#[test]
#[ignore = "needs tar and python3"]
fn good_archives_are_read_the_same() {
    check(&good());
}

#[test]
#[ignore = "needs tar and python3"]
fn what_is_written_is_read_the_same() {
    check(&written());
}

/// A small generator of numbers: the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Changes some bytes of some block, and repairs the checksum if it is a header.
fn mutate(archive: &mut [u8], numbers: &mut Numbers) {
    const BYTES: &[u8] = b"\0\0 /.01257xgLK=\n-+\x80\xff";
    let start = numbers.below(archive.len() / 512) * 512;
    let block = &mut archive[start..start + 512];
    for _ in 0..1 + numbers.below(3) {
        // Half of them in the fields that decide most.
        let at = match numbers.below(6) {
            0 => 124 + numbers.below(12),
            1 => 156,
            2 => 257 + numbers.below(8),
            3 => numbers.below(20),
            _ => numbers.below(512),
        };
        block[at] = BYTES[numbers.below(BYTES.len())];
    }
    if block[257..].starts_with(b"ustar")
        || numbers.below(2) == 0 && block.iter().any(|byte| *byte != 0)
    {
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

#[test]
#[ignore = "needs tar and python3"]
fn what_is_accepted_of_broken_archives_is_read_the_same() {
    let seeds: Vec<_> = good()
        .into_iter()
        .chain(written())
        .filter(|seed| (512..40_000).contains(&seed.len()))
        .collect();
    let mut numbers = Numbers(1);
    let mut accepted = Vec::new();
    let mut refused = 0;
    while accepted.len() < 1000 {
        let mut archive = seeds[numbers.below(seeds.len())].clone();
        mutate(&mut archive, &mut numbers);
        match list(&archive) {
            Ok(_) => accepted.push(archive),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
    check(&accepted);
}
