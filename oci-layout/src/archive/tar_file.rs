use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use oci_image::archive::{self, Defect};

use super::contents::{Contents, ContentsError, Span};
use super::docker::MANIFEST_FILE;
use super::uncompressed::uncompressed;
use crate::Error;
use crate::layout::LAYOUT_FILE;

/// A tar archive on disk, uncompressed, whose files are read where they stand.
#[derive(Debug)]
pub(super) struct TarFile {
    path: PathBuf,
    file: File,
    contents: Contents,
}

impl TarFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let about = format!("cannot open archive `{}`", path.display());
        let failed = |error| Error::io(&about, error);
        let file = File::open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Error::invalid(about, "it is not a regular file"));
        }
        let file = uncompressed(file).map_err(failed)?;
        let contents = Contents::read(&file).map_err(|error| refused(about, error))?;
        Ok(Self { path: path.to_owned(), file, contents })
    }

    /// Which archive it is, in words.
    pub(super) fn place(&self) -> String {
        format!("archive `{}`", self.path.display())
    }

    /// The file of this name, if there is one.
    pub(super) fn find(&self, name: &str) -> io::Result<Option<Span>> {
        self.contents.find(name)
    }

    /// A file that has to be there, and of at most `limit` bytes.
    pub(super) fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let about = || format!("cannot read `{name}` in {}", self.place());
        let span = self
            .find(name)
            .and_then(|span| span.ok_or_else(|| self.missing(name)))
            .map_err(|error| Error::io(about(), error))?;
        if span.size > limit as u64 {
            let size = span.size;
            return Err(Error::invalid(about(), format!("it has {size} bytes, more than {limit}")));
        }
        let mut bytes = Vec::new();
        self.reader(span).read_to_end(&mut bytes).map_err(|error| Error::io(about(), error))?;
        Ok(bytes)
    }

    /// Why the archive does not contain the file: it may be of the other kind.
    fn missing(&self, name: &str) -> io::Error {
        let has = |name| matches!(self.find(name), Ok(Some(_)));
        let reason = match name {
            LAYOUT_FILE if has(MANIFEST_FILE) => {
                "it is a docker-archive, which `DockerArchive` opens"
            }
            MANIFEST_FILE if has(LAYOUT_FILE) => "it is an oci-archive, which `Archive` opens",
            _ => return missing(),
        };
        io::Error::new(io::ErrorKind::NotFound, reason)
    }

    pub(super) fn reader(&self, span: Span) -> SpanReader<'_> {
        SpanReader { file: &self.file, rest: span }
    }
}

pub(super) fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the archive does not contain it")
}

/// What does not begin as an archive is said not to be one.
fn refused(about: String, error: ContentsError) -> Error {
    use archive::Error::{Read, Refused};

    match error {
        ContentsError::Archive(Read { source, .. }) => Error::io(about, source),
        ContentsError::Archive(
            error @ Refused { offset: 0, defect: Defect::Checksum | Defect::Truncated },
        ) => Error::invalid(format!("{about}: it is not a tar archive"), error),
        ContentsError::Archive(error) => Error::invalid(about, error),
        twice @ ContentsError::Twice(_) => Error::invalid(about, twice),
    }
}

/// Reads a part of a file, whatever others read of it meanwhile.
#[derive(Debug)]
pub(super) struct SpanReader<'a> {
    file: &'a File,
    rest: Span,
}

impl Read for SpanReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.rest.size).unwrap_or(usize::MAX));
        let Some(buffer) = buffer.get_mut(..length).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let length = self.file.read_at(buffer, self.rest.offset)?;
        self.rest.offset += length as u64;
        self.rest.size -= length as u64;
        Ok(length)
    }
}
