//! Archives that no library writes: every field of every header as the test wants it.

/// One header block.
#[derive(Clone)]
pub(crate) struct Raw(pub(crate) [u8; 512]);

impl Raw {
    /// A ustar header of an empty regular file, mode 644.
    pub(crate) fn new(name: impl AsRef<[u8]>) -> Self {
        let mut raw = Self([0; 512]);
        raw.put(0, name.as_ref()).put(257, b"ustar\x0000");
        raw.mode(0o644).octal(108, 8, 0).octal(116, 8, 0).size(0).mtime(0).kind(b'0').clone()
    }

    /// A header of a type.
    pub(crate) fn of(kind: u8, name: impl AsRef<[u8]>) -> Self {
        Self::new(name).kind(kind).clone()
    }

    /// A GNU header of a type.
    pub(crate) fn gnu(kind: u8, name: impl AsRef<[u8]>) -> Self {
        Self::of(kind, name).put(257, b"ustar  \0").clone()
    }

    /// A header of the oldest format.
    pub(crate) fn oldest(kind: u8, name: impl AsRef<[u8]>) -> Self {
        Self::of(kind, name).put(257, &[0; 8]).clone()
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn octal(&mut self, at: usize, width: usize, value: u64) -> &mut Self {
        let text = format!("{value:0digits$o}\0", digits = width - 1);
        self.put(at, text.as_bytes())
    }

    pub(crate) fn kind(&mut self, kind: u8) -> &mut Self {
        self.put(156, &[kind])
    }

    pub(crate) fn mode(&mut self, mode: u64) -> &mut Self {
        self.octal(100, 8, mode)
    }

    pub(crate) fn owner(&mut self, uid: u64, gid: u64) -> &mut Self {
        self.octal(108, 8, uid).octal(116, 8, gid)
    }

    pub(crate) fn size(&mut self, size: u64) -> &mut Self {
        self.octal(124, 12, size)
    }

    pub(crate) fn mtime(&mut self, seconds: u64) -> &mut Self {
        self.octal(136, 12, seconds)
    }

    pub(crate) fn link(&mut self, target: impl AsRef<[u8]>) -> &mut Self {
        self.put(157, target.as_ref())
    }

    pub(crate) fn device(&mut self, major: u64, minor: u64) -> &mut Self {
        self.octal(329, 8, major).octal(337, 8, minor)
    }

    /// The block with its checksum.
    pub(crate) fn sealed(&self) -> [u8; 512] {
        let mut raw = self.clone();
        raw.put(148, b"        ");
        let sum: u64 = raw.0.iter().map(|byte| u64::from(*byte)).sum();
        raw.put(148, format!("{sum:06o}\0 ").as_bytes());
        raw.0
    }
}

/// An archive in the making.
#[derive(Clone, Default)]
pub(crate) struct Archive(pub(crate) Vec<u8>);

impl Archive {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a header.
    pub(crate) fn add(mut self, raw: &Raw) -> Self {
        self.0.extend_from_slice(&raw.sealed());
        self
    }

    /// Adds bytes, and zeros up to the next block.
    pub(crate) fn content(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds bytes as they are.
    pub(crate) fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    /// Adds a header whose size is that of the content after it.
    pub(crate) fn with(self, raw: &Raw, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.add(raw.clone().size(content.len() as u64)).content(content)
    }

    /// Adds a regular file.
    pub(crate) fn file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.with(&Raw::new(name), content)
    }

    /// Adds a directory.
    pub(crate) fn directory(self, name: impl AsRef<[u8]>) -> Self {
        self.add(Raw::of(b'5', name).mode(0o755))
    }

    /// Adds a PAX header of these records.
    pub(crate) fn pax<K: AsRef<[u8]>, V: AsRef<[u8]>>(self, records: &[(K, V)]) -> Self {
        self.with(&Raw::of(b'x', "PaxHeaders/x"), pax(records))
    }

    /// Adds a global PAX header of these records.
    pub(crate) fn global<K: AsRef<[u8]>, V: AsRef<[u8]>>(self, records: &[(K, V)]) -> Self {
        self.with(&Raw::of(b'g', "pax_global_header"), pax(records))
    }

    /// Adds the two blocks at the end.
    pub(crate) fn end(self) -> Vec<u8> {
        self.bytes([0; 1024]).0
    }
}

/// The body of a PAX header.
pub(crate) fn pax<K: AsRef<[u8]>, V: AsRef<[u8]>>(records: &[(K, V)]) -> Vec<u8> {
    records.iter().flat_map(|(key, value)| record(key.as_ref(), value.as_ref())).collect()
}

fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let length = (1..).find(|length| rest.len() + length.to_string().len() == *length);
    [length.expect("some length").to_string().as_bytes(), &rest].concat()
}
