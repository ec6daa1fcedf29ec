use std::io::{self, Read, Write};

use tar::{Builder, EntryType, Header};

/// Writes the files of an archive, without times and owners.
pub(super) struct TarWriter<W: Write> {
    tar: Builder<W>,
    /// Whether a file was begun and not ended: nothing can follow it.
    broken: bool,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { tar: Builder::new(out), broken: false }
    }

    pub(super) fn file(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut header = header(EntryType::Regular, 0o644);
        header.set_size(size);
        self.entry(|tar| tar.append_data(&mut header, name, content))
    }

    pub(super) fn directory(&mut self, name: &str) -> io::Result<()> {
        let mut header = header(EntryType::Directory, 0o755);
        self.entry(|tar| tar.append_data(&mut header, name, io::empty()))
    }

    pub(super) fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        let mut header = header(EntryType::Symlink, 0o777);
        self.entry(|tar| tar.append_link(&mut header, name, target))
    }

    /// Writes the end.
    pub(super) fn finish(self) -> io::Result<W> {
        if self.broken {
            return Err(cut_short());
        }
        self.tar.into_inner()
    }

    fn entry(&mut self, write: impl FnOnce(&mut Builder<W>) -> io::Result<()>) -> io::Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(cut_short());
        }
        write(&mut self.tar)?;
        self.broken = false;
        Ok(())
    }
}

fn cut_short() -> io::Error {
    io::Error::other("cannot continue the archive: one of its files was cut short")
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}
