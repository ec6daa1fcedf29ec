//! Archives to test with: of any entries, good or evil, that no library would write.

use oci_digest::{Algorithm, Digest};

/// An archive that is being made.
#[derive(Clone, Default)]
pub struct Tar(Vec<u8>);

/// An entry's header; what is not said is that of a plain file of whoever runs the test.
#[derive(Clone)]
pub struct Header {
    name: Vec<u8>,
    kind: u8,
    mode: u32,
    owner: (u32, u32),
    mtime: u64,
    link: Vec<u8>,
    device: (u32, u32),
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The time that entries have if nothing else is said.
pub const MTIME: u64 = 1_000_000_000;

/// An entry of this kind, as a byte of the header says it, with the mode that is usual.
pub fn header(kind: u8, name: impl AsRef<[u8]>) -> Header {
    let mode = if kind == b'5' { 0o755 } else { 0o644 };
    Header {
        name: name.as_ref().to_vec(),
        kind,
        mode,
        owner: caller(),
        mtime: MTIME,
        link: Vec::new(),
        device: (0, 0),
        records: Vec::new(),
    }
}

/// Whoever runs the test.
pub fn caller() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

impl Header {
    /// With this mode.
    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    /// Of this user and this group.
    pub fn owner(self, uid: u32, gid: u32) -> Self {
        Self { owner: (uid, gid), ..self }
    }

    /// Changed at this time, in seconds since the epoch.
    pub fn mtime(self, mtime: u64) -> Self {
        Self { mtime, ..self }
    }

    /// With this target of a link.
    pub fn link(self, target: impl AsRef<[u8]>) -> Self {
        Self { link: target.as_ref().to_vec(), ..self }
    }

    /// With these numbers of a device.
    pub fn device(self, major: u32, minor: u32) -> Self {
        Self { device: (major, minor), ..self }
    }

    /// With a record of an extended header before it.
    pub fn pax(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.records.push((key.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// With an extended attribute.
    pub fn xattr(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.pax(&format!("SCHILY.xattr.{name}"), value)
    }

    fn block(&self, size: usize) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name[..self.name.len().min(100)]);
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, format!("{:07o}", self.owner.0).as_bytes());
        put(116, format!("{:07o}", self.owner.1).as_bytes());
        put(124, format!("{size:011o}").as_bytes());
        put(136, format!("{:011o}", self.mtime).as_bytes());
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(100)]);
        put(257, b"ustar\x0000");
        put(329, format!("{:07o}", self.device.0).as_bytes());
        put(337, format!("{:07o}", self.device.1).as_bytes());
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }
}

impl Tar {
    /// Begins an archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry with its content.
    pub fn with(mut self, mut header: Header, content: impl AsRef<[u8]>) -> Self {
        for (key, whole) in [("path", header.name.clone()), ("linkpath", header.link.clone())] {
            if whole.len() > 100 {
                header.records.push((key.into(), whole));
            }
        }
        if !header.records.is_empty() {
            let body: Vec<u8> =
                header.records.iter().flat_map(|(key, value)| record(key, value)).collect();
            self = self.raw(&self::header(b'x', "pax"), &body);
        }
        self.raw(&header, content.as_ref())
    }

    fn raw(mut self, header: &Header, content: &[u8]) -> Self {
        self.0.extend(header.block(content.len()));
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds bytes that no header speaks of.
    pub fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    /// Adds an entry without content.
    pub fn entry(self, header: Header) -> Self {
        self.with(header, "")
    }

    /// Adds a file.
    pub fn file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.with(header(b'0', name), content)
    }

    /// Adds a directory.
    pub fn directory(self, name: impl AsRef<[u8]>) -> Self {
        self.entry(header(b'5', name))
    }

    /// Adds a symbolic link.
    pub fn symlink(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(header(b'2', name).mode(0o777).link(target))
    }

    /// Adds a hard link.
    pub fn hardlink(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(header(b'1', name).link(target))
    }

    /// The archive with its end.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

/// The digest of an archive, which is the diff ID of its layer.
pub fn diff_id(tar: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, tar)
}
