//! One change as headers.

use std::io::Write;

use super::WriteError;
use crate::archive::header::{BLOCK, checksum};
use crate::archive::pax;
use crate::layer::{Change, Device, Entry, EntryPath, Kind, Metadata, Timestamp, whiteout};

/// The largest numbers that fields of 8 and 12 bytes hold.
const MAX_SHORT: u64 = 0o7_777_777;
const MAX_LONG: u64 = 0o77_777_777_777;

/// The headers of a change, in a buffer that is used again.
#[derive(Default)]
pub(super) struct Encoded {
    bytes: Vec<u8>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Encoded {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn encode(
        &mut self,
        change: &Change,
        latest: Option<Timestamp>,
    ) -> Result<(), WriteError> {
        self.bytes.clear();
        self.records.clear();
        let mut block = [0; BLOCK];
        match change {
            Change::Upsert(entry) => self.entry(&mut block, entry, latest)?,
            Change::Whiteout(path) => {
                let name = whiteout::name(path).ok_or_else(|| wrong(path, "name"))?;
                self.marker(&mut block, name.as_bytes());
            }
            Change::Opaque(path) => {
                let name = whiteout::opaque_name(path).ok_or_else(|| wrong(path, "name"))?;
                self.marker(&mut block, name.as_bytes());
            }
        }
        self.records();
        seal(&mut block);
        self.bytes.extend_from_slice(&block);
        Ok(())
    }

    fn marker(&mut self, block: &mut [u8; BLOCK], name: &[u8]) {
        block[156] = b'0';
        self.name(block, name);
        for (at, width) in [(108, 8), (116, 8), (124, 12), (136, 12)] {
            octal(&mut block[at..at + width], 0);
        }
        octal(&mut block[100..108], 0o644);
    }

    fn entry(
        &mut self,
        block: &mut [u8; BLOCK],
        entry: &Entry,
        latest: Option<Timestamp>,
    ) -> Result<(), WriteError> {
        let Entry { path, kind, metadata } = entry;
        if !whiteout::is_plain(path) || path.is_root() && *kind != Kind::Directory {
            return Err(wrong(path, "name"));
        }
        match kind {
            Kind::Directory if path.is_root() => self.name(block, b"./"),
            Kind::Directory => self.name(block, &[path.as_bytes(), b"/"].concat()),
            _ => self.name(block, path.as_bytes()),
        }
        block[156] = match kind {
            Kind::File { .. } => b'0',
            Kind::Hardlink { .. } => b'1',
            Kind::Symlink { .. } => b'2',
            Kind::CharDevice(_) => b'3',
            Kind::BlockDevice(_) => b'4',
            Kind::Directory => b'5',
            Kind::Fifo => b'6',
        };
        self.number(&mut block[124..136], "size", entry.size());
        match kind {
            Kind::Symlink { target } => self.link(block, path, target)?,
            Kind::Hardlink { target } if target.is_root() || !whiteout::is_plain(target) => {
                return Err(wrong(path, "link target"));
            }
            Kind::Hardlink { target } => self.link(block, path, target.as_bytes())?,
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                self.device(block, path, *device)?;
            }
            _ => {}
        }
        self.metadata(block, path, metadata, latest)
    }

    fn metadata(
        &mut self,
        block: &mut [u8; BLOCK],
        path: &EntryPath,
        metadata: &Metadata,
        latest: Option<Timestamp>,
    ) -> Result<(), WriteError> {
        if metadata.mode > 0o7777 {
            return Err(wrong(path, "mode"));
        }
        octal(&mut block[100..108], metadata.mode.into());
        for (at, key, id) in [(108, "uid", metadata.uid), (116, "gid", metadata.gid)] {
            if id == u32::MAX {
                return Err(wrong(path, key));
            }
            self.number(&mut block[at..at + 8], key, id.into());
        }
        self.mtime(block, latest.map_or(metadata.mtime, |latest| metadata.mtime.min(latest)));
        for (name, value) in &metadata.xattrs {
            if name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'=' | b'\n')) {
                return Err(wrong(path, "extended attribute's name"));
            }
            self.records.push(([b"SCHILY.xattr.", &name[..]].concat(), value.clone()));
        }
        for (key, value) in &metadata.windows {
            if !pax::is_windows(key.as_bytes()) || key.contains(['\0', '=', '\n']) {
                return Err(wrong(path, "Windows record"));
            }
            self.record(key, value);
        }
        Ok(())
    }

    /// The name in the header if it fits, or else in a record; the field has its ASCII letters then.
    fn name(&mut self, block: &mut [u8; BLOCK], name: &[u8]) {
        if name.is_ascii() && name.len() <= 100 {
            put(&mut block[..100], name);
        } else if let Some(slash) = name.is_ascii().then(|| split(name)).flatten() {
            put(&mut block[345..500], &name[..slash]);
            put(&mut block[..100], &name[slash + 1..]);
        } else {
            self.record("path", name);
            put(&mut block[..100], &ascii(name));
        }
    }

    fn link(
        &mut self,
        block: &mut [u8; BLOCK],
        path: &EntryPath,
        target: &[u8],
    ) -> Result<(), WriteError> {
        if target.is_empty() || target.contains(&0) {
            return Err(wrong(path, "link target"));
        }
        if !target.is_ascii() || target.len() > 100 {
            self.record("linkpath", target);
        }
        put(&mut block[157..257], &ascii(target));
        Ok(())
    }

    fn device(
        &mut self,
        block: &mut [u8; BLOCK],
        path: &EntryPath,
        device: Device,
    ) -> Result<(), WriteError> {
        for (at, number) in [(329, device.major), (337, device.minor)] {
            if u64::from(number) > MAX_SHORT {
                return Err(wrong(path, "device number"));
            }
            octal(&mut block[at..at + 8], number.into());
        }
        Ok(())
    }

    fn mtime(&mut self, block: &mut [u8; BLOCK], time: Timestamp) {
        let seconds = u64::try_from(time.seconds()).ok().filter(|seconds| *seconds <= MAX_LONG);
        if seconds.is_none() || time.nanoseconds() > 0 {
            self.record("mtime", time.to_string().as_bytes());
        }
        octal(&mut block[136..148], seconds.unwrap_or(0));
    }

    /// The number in the field if it fits, or else in a record.
    fn number(&mut self, field: &mut [u8], key: &str, number: u64) {
        let max = if field.len() == 8 { MAX_SHORT } else { MAX_LONG };
        if number > max {
            self.record(key, number.to_string().as_bytes());
        }
        octal(field, if number > max { 0 } else { number });
    }

    fn record(&mut self, key: &str, value: &[u8]) {
        self.records.push((key.as_bytes().to_vec(), value.to_vec()));
    }

    /// The PAX header with all records, by key.
    fn records(&mut self) {
        if self.records.is_empty() {
            return;
        }
        self.records.sort_unstable();
        self.bytes.resize(BLOCK, 0);
        for (key, value) in &self.records {
            write_record(&mut self.bytes, key, value);
        }
        let size = self.bytes.len() - BLOCK;
        let mut block = [0; BLOCK];
        put(&mut block[..100], b"PaxHeaders.0/entry");
        block[156] = b'x';
        for (at, width) in [(108, 8), (116, 8), (136, 12)] {
            octal(&mut block[at..at + width], 0);
        }
        octal(&mut block[100..108], 0o644);
        octal(&mut block[124..136], size as u64);
        seal(&mut block);
        self.bytes[..BLOCK].copy_from_slice(&block);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

/// Where a name can be split so that both halves fit into their fields.
fn split(name: &[u8]) -> Option<usize> {
    let end = name.len().min(156) - usize::from(name.len() <= 156 && name.ends_with(b"/"));
    let slash = name[..end].iter().rposition(|byte| *byte == b'/')?;
    let rest = name.len() - slash - 1;
    (slash > 0 && slash <= 155 && (1..=100).contains(&rest)).then_some(slash)
}

/// What fits of a text into a field whose value stands elsewhere.
fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii).take(100).collect()
}

fn put(field: &mut [u8], bytes: &[u8]) {
    field[..bytes.len()].copy_from_slice(bytes);
}

/// Zeros before the number, and a NUL byte after it.
fn octal(field: &mut [u8], mut number: u64) {
    let Some((_, digits)) = field.split_last_mut() else { return };
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number & 7) as u8;
        number >>= 3;
    }
}

fn seal(block: &mut [u8; BLOCK]) {
    block[257..265].copy_from_slice(b"ustar\x0000");
    for at in [329, 337] {
        if block[at] == 0 {
            octal(&mut block[at..at + 8], 0);
        }
    }
    let sum = checksum(block);
    // Six digits are enough for 512 bytes.
    let mut field = &mut block[148..156];
    let _ = write!(field, "{sum:06o}\0 ");
}

fn wrong(path: &EntryPath, part: &'static str) -> WriteError {
    WriteError::Unrepresentable { path: path.clone(), part }
}

/// Adds a record to the body of a header.
fn write_record(body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    // The length counts its own digits, so it may need one more than the rest has.
    let digits = |length: usize| length.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut length = rest + digits(rest);
    length = rest + digits(length);
    body.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        body.extend_from_slice(part);
    }
}
