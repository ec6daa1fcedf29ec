//! Files that are written without the zeros in them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How many zeros at once become a hole, in bytes. Less would scatter the file over the disk.
const HOLE: usize = 16 << 10;

const ZEROS: [u8; HOLE] = [0; HOLE];

/// A new file: what is not written of it is a hole, and reads as zeros.
pub(super) struct Sparse {
    file: File,
    position: u64,
    /// Whether the end is in a hole.
    ends_in_hole: bool,
}

impl Sparse {
    pub(super) fn new(file: File) -> Self {
        Self { file, position: 0, ends_in_hole: false }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (data, hole) = split(rest);
            if data > 0 {
                self.file.write_all_at(&rest[..data], self.position)?;
            }
            self.position += (data + hole) as u64;
            self.ends_in_hole = hole > 0;
            rest = &rest[data + hole..];
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<File> {
        if self.ends_in_hole {
            self.file.set_len(self.position)?;
        }
        Ok(self.file)
    }
}

/// How many bytes come before the first hole, and how long that is.
fn split(bytes: &[u8]) -> (usize, usize) {
    let mut blocks = bytes.chunks(HOLE);
    let data = blocks.by_ref().take_while(|block| **block != ZEROS).count() * HOLE;
    if data >= bytes.len() {
        return (bytes.len(), 0);
    }
    let more = blocks.take_while(|block| **block == ZEROS).count();
    (data, (1 + more) * HOLE)
}
