//! The content of files, of which holes are not read.

use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{SeekFrom, fstat, seek};
use rustix::io::Errno;

/// A file that is read from its beginning.
///
/// Where it has a hole, the kernel would make zeros page by page; they are made here.
pub(super) struct Content {
    file: File,
    position: u64,
    size: u64,
    /// Where the hole or the data ends that the position is in.
    ahead: Ahead,
}

#[derive(Clone, Copy)]
enum Ahead {
    /// It is not known what is at the position.
    Unknown,
    Hole(u64),
    Data(u64),
}

impl Content {
    pub(super) fn new(file: File) -> Result<Self, Errno> {
        let stat = fstat(&file)?;
        let size = stat.st_size.unsigned_abs();
        let is_sparse = stat.st_blocks.unsigned_abs().saturating_mul(512) < size;
        // Beyond the size the file is asked, which may have grown.
        let ahead = if is_sparse { Ahead::Unknown } else { Ahead::Data(u64::MAX) };
        Ok(Self { file, position: 0, size, ahead })
    }

    /// Finds out what is at the position, and puts the file there if that is data.
    fn look(&mut self) -> Result<Ahead, Errno> {
        if self.position >= self.size {
            seek(&self.file, SeekFrom::Start(self.position))?;
            return Ok(Ahead::Data(u64::MAX));
        }
        match seek(&self.file, SeekFrom::Data(self.position)) {
            Ok(data) if data > self.position => Ok(Ahead::Hole(data.min(self.size))),
            Ok(_) => {
                let end = seek(&self.file, SeekFrom::Hole(self.position))?;
                seek(&self.file, SeekFrom::Start(self.position))?;
                Ok(Ahead::Data(end))
            }
            // lseek(2): there is no data any more.
            Err(Errno::NXIO) => Ok(Ahead::Hole(self.size)),
            // Not all filesystems know their holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                seek(&self.file, SeekFrom::Start(self.position))?;
                Ok(Ahead::Data(u64::MAX))
            }
            Err(error) => Err(error),
        }
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = match self.ahead {
            Ahead::Unknown => None,
            Ahead::Hole(end) | Ahead::Data(end) => Some(end),
        };
        if end.is_none_or(|end| self.position >= end) {
            self.ahead = self.look()?;
        }
        let room = |end: u64| {
            let left = end.saturating_sub(self.position);
            usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()))
        };
        let length = match self.ahead {
            Ahead::Hole(end) => {
                let length = room(end);
                buffer[..length].fill(0);
                length
            }
            Ahead::Data(end) => {
                let length = room(end);
                self.file.read(&mut buffer[..length])?
            }
            Ahead::Unknown => 0,
        };
        self.position += length as u64;
        Ok(length)
    }
}
