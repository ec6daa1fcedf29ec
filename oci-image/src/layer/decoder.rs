#[cfg(feature = "xz")]
mod xz;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;
use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use oci_digest::{Algorithm, Digest, Hasher};

use super::diff_id::DiffId;
use super::{Codec, CodecBy, LimitExceeded, Limits, ReadError};
use crate::MediaType;

/// How much is asked of a source at once.
const SOURCE_BUFFER: usize = 128 << 10;

/// Reads the uncompressed bytes of a layer's blob, or of a compressed archive.
///
/// gzip streams of many members and zstd streams of many frames, skippable ones among them, are read
/// to their end, and the end is that of the source: anything else that follows is an error. Reading
/// stops with an error where [`Limits::total_bytes`], [`Limits::ratio`], [`Limits::zstd_window`] or
/// [`Limits::xz_memory`] is exceeded.
pub struct Decoder<R> {
    stream: Stream<R>,
    codec: Codec,
    meter: Meter,
    diff_id: Algorithm,
    /// What the source was verified to be.
    blob: Option<Digest>,
}

impl<R: Read> Decoder<R> {
    /// Reads a blob of a media type.
    ///
    /// The type's word and the first bytes must agree on the compression, unless [`Limits::codec`] says
    /// that the bytes alone count. Where the type names no layer (`application/octet-stream`), the first
    /// bytes alone decide between those that a layer can have.
    ///
    /// # Errors
    /// If the first bytes cannot be read or are of another compression than the type says, or this
    /// build cannot read it.
    pub fn new(source: R, media_type: &MediaType, limits: &Limits) -> Result<Self, ReadError> {
        let source = Source::start(source)?;
        let found = Codec::detect(source.start_bytes());
        match Codec::of(media_type) {
            _ if limits.codec == CodecBy::Content => Self::open(source, found, limits),
            Some(declared) if declared != found => Err(ReadError::Mismatch { declared, found }),
            _ if found.media_type().is_none() => Err(ReadError::Unsupported(found)),
            _ => Self::open(source, found, limits),
        }
    }

    /// Reads a blob of which only the content is known: its first bytes say the compression.
    ///
    /// # Errors
    /// If they cannot be read, or this build cannot read the compression.
    pub fn detect(source: R, limits: &Limits) -> Result<Self, ReadError> {
        let source = Source::start(source)?;
        let found = Codec::detect(source.start_bytes());
        Self::open(source, found, limits)
    }

    /// Has the diff ID computed by another algorithm than SHA-256, as an image may ask for.
    pub fn diff_id_by(self, algorithm: Algorithm) -> Self {
        Self { diff_id: algorithm, ..self }
    }

    /// Says that the source is verified to be this blob: that its reader ends without an error only if it is, as
    /// a [`BlobSource`](crate::blob::BlobSource) promises.
    ///
    /// The diff ID of a layer that is not compressed is then this digest, and not computed a second time, if both are
    /// of the same algorithm.
    pub fn verified_as(self, blob: &Digest) -> Self {
        Self { blob: Some(blob.clone()), ..self }
    }

    /// The diff ID before the first byte.
    pub(super) fn diff_id(&self) -> DiffId {
        match &self.blob {
            Some(blob) if self.codec == Codec::None && blob.algorithm() == Some(self.diff_id) => {
                DiffId::Blob(blob.clone())
            }
            _ => DiffId::Hashed(Hasher::new(self.diff_id)),
        }
    }

    /// The compression.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    fn open(source: Source<R>, codec: Codec, limits: &Limits) -> Result<Self, ReadError> {
        let buffered = BufReader::with_capacity(SOURCE_BUFFER, source);
        let stream = match codec {
            Codec::None => Stream::Plain(buffered.into_inner()),
            Codec::Gzip => Stream::Gzip(Box::new(MultiGzDecoder::new(buffered))),
            #[cfg(feature = "zstd")]
            Codec::Zstd => {
                let failed = |source| ReadError::Decompress { codec, source };
                let frames = zstd::Frames::new(buffered, window_log(limits.zstd_window));
                Stream::Zstd(frames.map_err(failed)?)
            }
            #[cfg(feature = "xz")]
            Codec::Xz => Stream::Xz(Box::new(xz::Streams::new(buffered, limits.xz_memory))),
            #[allow(unreachable_patterns)] // with all features they are fewer
            Codec::Zstd | Codec::Xz | Codec::Bzip2 => return Err(ReadError::Unsupported(codec)),
        };
        let meter = Meter { limits: limits.clone(), written: 0, zeros: 0 };
        Ok(Self { stream, codec, meter, diff_id: Algorithm::Sha256, blob: None })
    }

    /// Reads until `buffer` is full or the stream ends, and returns how much it read.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let mut length = 0;
        while length < buffer.len() {
            match self.step(&mut buffer[length..])? {
                0 => break,
                more => length += more,
            }
        }
        Ok(length)
    }

    fn step(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            match self.stream.read(buffer) {
                Ok(length) => {
                    self.meter.count(&buffer[..length], self.stream.source().read)?;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// Says whether the source or the decompressor failed.
    fn explain(&self, source: io::Error) -> ReadError {
        let input = self.stream.source();
        if input.failed {
            return ReadError::Source { read: input.read, source };
        }
        // The library has no error code here, and its text is part of its interface.
        if self.codec == Codec::Zstd && source.to_string().contains("too much memory") {
            return LimitExceeded::ZstdWindow(self.meter.limits.zstd_window).into();
        }
        if self.codec == Codec::Xz && source.kind() == io::ErrorKind::OutOfMemory {
            return LimitExceeded::XzMemory(self.meter.limits.xz_memory).into();
        }
        ReadError::Decompress { codec: self.codec, source }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.step(buffer)?)
    }
}

impl<R> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("codec", &self.codec)
            .field("written", &self.meter.written)
            .finish_non_exhaustive()
    }
}

enum Stream<R> {
    Plain(Source<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Source<R>>>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Frames<BufReader<Source<R>>>),
    #[cfg(feature = "xz")]
    Xz(Box<xz::Streams<BufReader<Source<R>>>>),
}

impl<R: Read> Stream<R> {
    fn source(&self) -> &Source<R> {
        match self {
            Self::Plain(source) => source,
            Self::Gzip(decoder) => decoder.get_ref().get_ref(),
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => decoder.get_ref().get_ref(),
            #[cfg(feature = "xz")]
            Self::Xz(decoder) => decoder.get_ref().get_ref(),
        }
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => decoder.read(buffer),
            #[cfg(feature = "xz")]
            Self::Xz(decoder) => decoder.read(buffer),
        }
    }
}

/// Knows how much was read of a blob, and whether that failed.
struct Source<R> {
    reader: R,
    start: [u8; Codec::START],
    start_length: usize,
    start_given: usize,
    read: u64,
    failed: bool,
}

impl<R: Read> Source<R> {
    fn start(mut reader: R) -> Result<Self, ReadError> {
        let mut start = [0; Codec::START];
        let mut length = 0;
        while length < start.len() {
            match reader.read(&mut start[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Source { read: length as u64, source }),
            }
        }
        Ok(Self { reader, start, start_length: length, start_given: 0, read: 0, failed: false })
    }

    fn start_bytes(&self) -> &[u8] {
        &self.start[..self.start_length]
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut start = &self.start[self.start_given..self.start_length];
        let result = match start.is_empty() {
            true => self.reader.read(buffer),
            false => start.read(buffer).inspect(|given| self.start_given += given),
        };
        match &result {
            Ok(length) => self.read += *length as u64,
            Err(error) => self.failed = error.kind() != io::ErrorKind::Interrupted,
        }
        result
    }
}

/// Counts what comes out against the limits.
struct Meter {
    limits: Limits,
    written: u64,
    /// How much of it was zeros.
    zeros: u64,
}

/// In which blocks zeros count, in bytes.
const BLOCK: usize = 4096;

impl Meter {
    fn count(&mut self, bytes: &[u8], read: u64) -> Result<(), LimitExceeded> {
        self.written += bytes.len() as u64;
        let zeros = bytes.chunks(BLOCK).filter(|block| **block == [0; BLOCK][..block.len()]);
        self.zeros += zeros.map(|block| block.len() as u64).sum::<u64>();
        let Limits { total_bytes, ratio, ratio_from, zeros_per_byte, .. } = self.limits;
        if self.written > total_bytes {
            return Err(LimitExceeded::TotalBytes(total_bytes));
        }
        let counted = self.written - self.zeros + self.zeros / zeros_per_byte.max(1);
        if counted > ratio_from && self.written > read.saturating_mul(ratio) {
            return Err(LimitExceeded::Ratio(ratio));
        }
        Ok(())
    }
}

#[cfg(feature = "zstd")]
fn window_log(bytes: u64) -> u32 {
    // What the format and the library know: 1 KiB to 2 GiB.
    bytes.checked_ilog2().unwrap_or(0).clamp(10, 31)
}
