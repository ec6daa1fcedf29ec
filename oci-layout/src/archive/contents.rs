use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use tar::EntryType;

use super::header::{BLOCK, Block, Extension, invalid};

/// How many entries an archive may have.
const ENTRY_LIMIT: usize = 1 << 20;

/// How large a header that extends another may be, in bytes.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// How many links may stand between a name and its file.
const LINK_LIMIT: usize = 8;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// What is where in a tar archive, by normal names: without `./` and double slashes.
#[derive(Debug)]
pub(crate) struct Contents {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    File(Span),
    /// To the normal name of another entry.
    Link(String),
    Other,
}

impl Contents {
    /// Reads all headers, and nothing of what is between them.
    pub(crate) fn read(file: &File) -> io::Result<Self> {
        let mut scan = Scan { file, end: file.metadata()?.len(), offset: 0 };
        let mut entries = BTreeMap::new();
        while let Some((name, entry)) = scan.next_entry()? {
            if entries.len() == ENTRY_LIMIT {
                return Err(invalid("the archive has too many entries"));
            }
            let known = entries.insert(name, entry.clone());
            // A directory may stand twice. A file that did would have two readings.
            if known.is_some_and(|known| (known, entry) != (Entry::Other, Entry::Other)) {
                return Err(invalid("the archive has a file twice"));
            }
        }
        Ok(Self { entries })
    }

    /// The file of this name, through links within the archive.
    pub(crate) fn find(&self, name: &str) -> io::Result<Option<Span>> {
        let mut name = name;
        for _ in 0..LINK_LIMIT {
            match self.entries.get(name) {
                None => return Ok(None),
                Some(Entry::File(span)) => return Ok(Some(*span)),
                Some(Entry::Link(target)) => name = target,
                Some(Entry::Other) => return Err(invalid("not a regular file")),
            }
        }
        Err(invalid("too many links"))
    }
}

/// A walk from header to header.
struct Scan<'a> {
    file: &'a File,
    end: u64,
    offset: u64,
}

impl Scan<'_> {
    fn next_entry(&mut self) -> io::Result<Option<(String, Entry)>> {
        let mut extension = Extension::default();
        loop {
            let Some(block) = self.block()? else { return Ok(None) };
            let size = extension.size.unwrap_or(block.size);
            match block.kind {
                EntryType::XHeader => {
                    let records = self.extension(block.size)?;
                    extension = Extension::parse(&records)?;
                }
                EntryType::XGlobalHeader => {
                    let global = Extension::parse(&self.extension(block.size)?)?;
                    if global.path.is_some() || global.link.is_some() || global.size.is_some() {
                        return Err(invalid("a global PAX header names files"));
                    }
                }
                EntryType::GNULongName => {
                    extension.path = Some(text(self.extension(block.size)?));
                }
                EntryType::GNULongLink => {
                    extension.link = Some(text(self.extension(block.size)?));
                }
                kind => {
                    let name = extension.path.unwrap_or(block.name);
                    let link = extension.link.unwrap_or(block.link);
                    let span = self.skip(size)?;
                    let name = normal(&name, "")?;
                    let entry = entry(kind, &name, &link, span)?;
                    return Ok(Some((name, entry)));
                }
            }
        }
    }

    /// The next header, or `None` at the end.
    fn block(&mut self) -> io::Result<Option<Block>> {
        if self.offset == self.end {
            return Ok(None);
        }
        let mut bytes = [0; BLOCK as usize];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        self.offset += BLOCK;
        Block::parse(&bytes)
    }

    /// Skips content of `size` bytes and what fills its last block; says where it is.
    fn skip(&mut self, size: u64) -> io::Result<Span> {
        let span = Span { offset: self.offset, size };
        let next = size
            .checked_next_multiple_of(BLOCK)
            .and_then(|blocks| self.offset.checked_add(blocks))
            .filter(|next| *next <= self.end);
        self.offset = next.ok_or_else(|| invalid("the archive ends within a file"))?;
        Ok(span)
    }

    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTENSION_LIMIT {
            return Err(invalid("a header is too large"));
        }
        let span = self.skip(size)?;
        let mut bytes = vec![0; size as usize];
        self.file.read_exact_at(&mut bytes, span.offset)?;
        Ok(bytes)
    }
}

fn entry(kind: EntryType, name: &str, link: &[u8], span: Span) -> io::Result<Entry> {
    let is_empty = span.size == 0;
    match kind {
        EntryType::Regular | EntryType::Continuous => Ok(Entry::File(span)),
        // Readers disagree on whether what follows such a header is its content.
        _ if !is_empty => Err(invalid("an entry that is no file has content")),
        EntryType::Link => Ok(Entry::Link(normal(link, "")?)),
        EntryType::Symlink => {
            let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
            Ok(normal(link, directory).map_or(Entry::Other, Entry::Link))
        }
        _ => Ok(Entry::Other),
    }
}

/// A name, seen from `directory`, without what can be left out of it. A name that leaves the archive is
/// none.
fn normal(name: &[u8], directory: &str) -> io::Result<String> {
    let name = std::str::from_utf8(name).map_err(|_| invalid("a name is not UTF-8"))?;
    if name.contains('\0') || (name.starts_with('/') && !directory.is_empty()) {
        return Err(invalid("a name is malformed"));
    }
    let mut components: Vec<&str> = directory.split('/').filter(|it| !it.is_empty()).collect();
    for component in name.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop().ok_or_else(|| invalid("a name leaves the archive"))?;
            }
            component => components.push(component),
        }
    }
    Ok(components.join("/"))
}

/// What stands before the zero that ends it.
fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}
