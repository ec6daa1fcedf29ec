//! Archives as Python's tarfile and GNU tar read them. The fuzz target `layer_peers` uses this, too.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use oci_image::Digest;
use oci_image::layer::{Change, Device, Entry, EntryPath, Kind};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs to compare with: a Python that lives as long as this, and a GNU tar for each archive.
pub(crate) struct Peers {
    python: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
}

impl Peers {
    pub(crate) fn start() -> io::Result<Self> {
        let mut python = program("python3")
            .args(["-c", include_str!("peers.py")])
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("python3: {error}")))?;
        let (questions, answers) = (python.stdin.take().unwrap(), python.stdout.take().unwrap());
        let (sender, receiver) = channel();
        thread::spawn(move || {
            BufReader::new(answers)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Ok(Self { python, questions, answers: receiver })
    }

    /// Which programs do not read an archive as these changes with their contents, and how they read it.
    ///
    /// # Errors
    /// If Python does not answer. It is of no use then.
    pub(crate) fn object(
        &mut self,
        archive: &[u8],
        listing: &[(Change, Vec<u8>)],
    ) -> io::Result<Option<String>> {
        let lines = self.ask(archive)?;
        let python = same_as_python(listing, &lines)
            .map_err(|fault| format!("python3: {fault}\n{lines:#?}"));
        let has_label = archive.windows(16).any(|bytes| bytes == b"GNU.volume.label");
        let is_other = has_label || lines.iter().any(|line| is_sized_other(line));
        let both = python.and_then(|()| match is_other {
            // `tar -O` skips what `tar -x` does not, and lists a label; see `readings`.
            true => Ok(()),
            false => same_as_tar(listing, archive).map_err(|fault| format!("tar: {fault}")),
        });
        Ok(both.err().map(|fault| {
            let ours: Vec<_> = listing.iter().map(|(change, _)| change.to_string()).collect();
            format!("{fault}\nours: {ours:#?}")
        }))
    }

    /// What Python says of an archive: a line for each member, and one more if it is refused there.
    fn ask(&mut self, archive: &[u8]) -> io::Result<Vec<String>> {
        self.questions.write_all(&(archive.len() as u64).to_le_bytes())?;
        self.questions.write_all(archive)?;
        let mut lines = Vec::new();
        loop {
            let line = self.answers.recv_timeout(PATIENCE).map_err(io::Error::other)?;
            if line == "end" {
                return Ok(lines);
            }
            lines.push(line);
            if lines.last().is_some_and(|line| line.starts_with("error ")) {
                return Ok(lines);
            }
        }
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A name as a program gives it, which may have dropped the slash that is the root's.
fn path(name: &[u8]) -> Option<EntryPath> {
    match name {
        b"" => Some(EntryPath::ROOT),
        name => EntryPath::parse(name).ok(),
    }
}

/// The name of a change in the archive.
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

fn same_as_python(listing: &[(Change, Vec<u8>)], lines: &[String]) -> Result<(), String> {
    if listing.len() != lines.len() {
        return Err(format!("{} members", lines.len()));
    }
    for ((change, content), line) in listing.iter().zip(lines) {
        let (found, rest) = line.split_once(' ').unwrap();
        let wrong = match change {
            _ if unhex(found).and_then(|found| path(&found)) != Some(name(change)) => Some("name"),
            Change::Upsert(entry) => difference(entry, content, rest),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(format!("another {wrong} of {change}"));
        }
    }
    Ok(())
}

/// Whether Python says that the header of something without content has a size.
fn is_sized_other(line: &str) -> bool {
    let mut fields = line.split(' ').skip(1);
    let is_file = fields.next().is_some_and(|kind| ["30", "00"].contains(&kind));
    !is_file && fields.nth(3).is_some_and(|size| size != "0")
}

/// What Python sees otherwise in an entry, by what it says after the name.
fn difference(entry: &Entry, content: &[u8], line: &str) -> Option<&'static str> {
    let fields: Vec<_> = line.split(' ').collect();
    let [kind, mode, uid, gid, size, mtime, link, device, xattrs, sum] = fields[..] else {
        return Some("reading");
    };
    let metadata = &entry.metadata;
    let has_device = |Device { major, minor }| device == format!("{major}:{minor}");
    let (kinds, has_target): (&[_], _) = match &entry.kind {
        Kind::File { .. } => (&["30", "00"], true),
        Kind::Hardlink { target } => {
            (&["31"], unhex(link).is_some_and(|link| path(&link).as_ref() == Some(target)))
        }
        Kind::Symlink { target } => (&["32"], unhex(link).as_ref() == Some(target)),
        Kind::CharDevice(device) => (&["33"], has_device(*device)),
        Kind::BlockDevice(device) => (&["34"], has_device(*device)),
        Kind::Directory => (&["35"], true),
        Kind::Fifo => (&["36"], true),
    };
    // Python has times as numbers with 53 bits.
    let time = metadata.mtime.seconds() as f64 + f64::from(metadata.mtime.nanoseconds()) / 1e9;
    let is_time = |found: f64| (found - time).abs() <= time.abs() * 1e-15 + 1e-9;
    [
        ("kind", kinds.contains(&kind)),
        ("target", has_target),
        ("mode", mode == format!("{:o}", metadata.mode)),
        ("uid", uid == metadata.uid.to_string()),
        ("gid", gid == metadata.gid.to_string()),
        // Of what is not a file Python gives the size that the header has.
        ("size", !matches!(entry.kind, Kind::File { .. }) || size == entry.size().to_string()),
        ("xattr", unlist(xattrs).as_ref() == Some(&metadata.xattrs)),
        ("mtime", mtime.parse().is_ok_and(is_time)),
        ("content", sum == Digest::sha256(content).encoded()),
    ]
    .into_iter()
    .find_map(|(what, is_same)| (!is_same).then_some(what))
}

fn unlist(text: &str) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let pairs = text.split(',').filter(|pair| *pair != "-");
    pairs
        .map(|pair| {
            pair.split_once('=').and_then(|(name, value)| Some((unhex(name)?, unhex(value)?)))
        })
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = if text == "-" { "" } else { text };
    let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Compares the names in their order, and what all files hold together.
fn same_as_tar(listing: &[(Change, Vec<u8>)], archive: &[u8]) -> Result<(), String> {
    let mut tar = program("tar")
        .args(["--quoting-style=escape", "--warning=none", "-PxvOf", "-"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("tar: {error}"));
    let mut stdin = tar.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // It may stop reading at the end of the archive.
        scope.spawn(move || drop(stdin.write_all(archive)));
        tar.wait_with_output()
    });
    let output = output.unwrap();
    // What is not a name is what goes wrong.
    let lines = output.stderr.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let names: Option<Vec<_>> = lines
        .map(|line| match line {
            // It says so in the place of the name.
            b"tar: Substituting `.' for empty member name" => Some(EntryPath::ROOT),
            line => path(&unescape(line)),
        })
        .collect();
    let expected = listing.iter().map(|(change, _)| name(change)).collect();
    if !output.status.success() || names != Some(expected) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // What a marker holds is left out of the listing.
    let has_markers = listing.iter().any(|(change, _)| !matches!(change, Change::Upsert(_)));
    let mut contents = listing.iter().flat_map(|(_, content)| content);
    match has_markers
        || contents.clone().count() == output.stdout.len() && output.stdout.iter().eq(&mut contents)
    {
        true => Ok(()),
        false => Err("other contents".to_owned()),
    }
}

/// Reads a name with C's escapes.
fn unescape(line: &[u8]) -> Vec<u8> {
    let mut bytes = line.iter().copied();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            name.push(byte);
            continue;
        }
        let Some(escape) = bytes.next() else { break };
        name.push(match escape {
            b'a' => 7,
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'v' => 11,
            b'f' => 12,
            b'r' => 13,
            digit @ b'0'..=b'7' => {
                let rest = bytes.by_ref().take(2);
                rest.fold(digit - b'0', |value, digit| value << 3 | digit & 7)
            }
            other => other,
        });
    }
    name
}
