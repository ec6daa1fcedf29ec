//! Changes as an archive.

mod error;
mod header;
mod order;
mod stream;

use std::fmt;
use std::io::{self, Read, Write};

use oci_digest::Digest;

pub use self::error::WriteError;
pub use self::order::Order;

use self::header::Encoded;
use self::order::Guard;
use self::stream::Stream;
use super::{Change, Compression, Entry, Timestamp};
use crate::Descriptor;
use crate::archive::header::BLOCK;

/// Writes changes as the blob of a layer, always the same one for the same changes.
///
/// Each change is [`append`](Self::append)ed; after a regular file, its content is written to the
/// writer itself. PAX records stand only where the plain header has no room. Nothing comes from the
/// machine: no user names, no times but the entries' own.
///
/// ```
/// use std::io::Write;
/// use oci_image::layer::{Change, Compression, Entry, Kind, Metadata, Writer};
///
/// let mut layer = Writer::new(Vec::new(), &Compression::gzip())?;
/// layer.append(&Change::Whiteout("etc/motd".parse()?))?;
/// let kind = Kind::File { size: 3 };
/// layer.append(&Entry::new("etc/hostname".parse()?, kind, Metadata::new(0o644)).into())?;
/// layer.write_all(b"box")?;
/// let (blob, descriptor, diff_id) = layer.finish()?;
/// assert_eq!(descriptor.size, blob.len() as u64);
/// # let _ = diff_id;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Writer<W: Write> {
    stream: Stream<W>,
    guard: Guard,
    latest: Option<Timestamp>,
    encoded: Encoded,
    /// The file whose content is being written.
    file: Option<Entry>,
    remaining: u64,
    has_failed: bool,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`, and accepts changes in the [canonical order](Change::canonical_cmp) only.
    ///
    /// # Errors
    /// If there is no such compression, or `out` fails.
    pub fn new(out: W, compression: &Compression) -> Result<Self, WriteError> {
        Ok(Self {
            stream: Stream::new(out, compression)?,
            guard: Guard::new(Order::Canonical),
            latest: None,
            encoded: Encoded::default(),
            file: None,
            remaining: 0,
            has_failed: false,
        })
    }

    /// Accepts changes in another order.
    pub fn order(self, order: Order) -> Self {
        Self { guard: Guard::new(order), ..self }
    }

    /// Writes times after `latest` as `latest`: what `SOURCE_DATE_EPOCH` asks for.
    pub fn clamp_mtime(self, latest: Timestamp) -> Self {
        Self { latest: Some(latest), ..self }
    }

    /// Adds a change. If it is a file with content, that has to be written to the writer next.
    ///
    /// # Errors
    /// If the content of the file before is not whole, the change cannot be written in an archive or not
    /// at this place, or writing fails. The writer is of no use after the last.
    pub fn append(&mut self, change: &Change) -> Result<(), WriteError> {
        self.end_file()?;
        self.encoded.encode(change, self.latest)?;
        self.guard.admit(change)?;
        self.has_failed = true;
        self.stream.write(self.encoded.bytes())?;
        self.has_failed = false;
        if let Change::Upsert(entry) = change
            && entry.size() > 0
        {
            self.remaining = entry.size();
            self.file = Some(entry.clone());
        }
        Ok(())
    }

    /// Adds a file with the content that a reader has.
    ///
    /// # Errors
    /// As of [`append`](Self::append), and if the content cannot be read or is shorter or longer
    /// than the entry says.
    pub fn append_file(&mut self, entry: &Entry, mut content: impl Read) -> Result<(), WriteError> {
        self.append(&Change::Upsert(entry.clone()))?;
        let mut buffer = vec![0; (64 << 10).min(self.remaining as usize + 1)];
        loop {
            let length = match content.read(&mut buffer) {
                Ok(0) => return self.end_file(),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    self.has_failed = true;
                    return Err(WriteError::Content { path: entry.path.clone(), source });
                }
            };
            if length as u64 > self.remaining {
                self.has_failed = true;
                return Err(WriteError::TooLong { path: entry.path.clone(), size: entry.size() });
            }
            self.content(&buffer[..length])?;
        }
    }

    /// Ends the archive. What is returned: where it was written to, the blob's descriptor, and the
    /// layer's diff ID.
    ///
    /// # Errors
    /// If the content of the last file is not whole, or writing fails.
    pub fn finish(mut self) -> Result<(W, Descriptor, Digest), WriteError> {
        self.end_file()?;
        self.stream.write(&[0; 2 * BLOCK])?;
        Ok(self.stream.finish()?)
    }

    fn end_file(&mut self) -> Result<(), WriteError> {
        if self.has_failed {
            return Err(WriteError::FailedBefore);
        }
        let Some(entry) = &self.file else { return Ok(()) };
        if self.remaining > 0 {
            return Err(WriteError::TooShort {
                path: entry.path.clone(),
                size: entry.size(),
                written: entry.size() - self.remaining,
            });
        }
        self.file = None;
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(entry) = &self.file else { return Ok(()) };
        let padding = (entry.size().wrapping_neg() % BLOCK as u64) as usize;
        self.has_failed = true;
        self.stream.write(bytes)?;
        self.remaining -= bytes.len() as u64;
        if self.remaining == 0 {
            self.stream.write(&[0; BLOCK][..padding])?;
        }
        self.has_failed = false;
        Ok(())
    }
}

/// The content of the current file; more than its size is not taken.
impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(io::Error::other(WriteError::FailedBefore));
        }
        let length =
            usize::try_from(self.remaining).map_or(bytes.len(), |left| left.min(bytes.len()));
        if length > 0 {
            self.content(&bytes[..length])?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("latest", &self.latest)
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
}
