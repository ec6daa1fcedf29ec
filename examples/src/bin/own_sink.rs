//! A store of blobs of one's own: a directory with a file for each blob.
//!
//! `own_sink DIRECTORY` puts a blob there, twice, and prints what the directory holds then.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use oci_digest::VerifyWriter;
use oci_image::blob::{BlobSink, BlobSinkExt, BlobWriter};
use oci_image::{Descriptor, MediaType};
use tempfile::NamedTempFile;

struct Directory(PathBuf);

impl BlobSink for Directory {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let place = self.0.join(blob.digest.encoded()); // only a parsed digest makes a path
        if place.try_exists()? {
            return Ok(None);
        }
        let file = NamedTempFile::new_in(&self.0)?; // removed if it is dropped
        let content = VerifyWriter::new(file, &blob.digest, blob.size)?;
        Ok(Some(Box::new(Writer { content, place })))
    }
}

struct Writer {
    content: VerifyWriter<NamedTempFile>,
    place: PathBuf,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.content.flush()
    }
}

impl BlobWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let file = self.content.finish()?; // the size and the digest were right
        file.persist(self.place).map_err(|error| error.error)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory =
        Directory(std::env::args_os().nth(1).ok_or("usage: own_sink DIRECTORY")?.into());
    let blob = Descriptor::of(MediaType::from("text/plain"), b"hello");
    directory.put(&blob, b"hello")?;
    directory.put(&blob, b"hello")?; // it is there already: nothing is written
    for entry in fs::read_dir(&directory.0)? {
        println!("{}", entry?.file_name().display());
    }
    Ok(())
}
