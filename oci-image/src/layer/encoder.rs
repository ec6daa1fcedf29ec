mod gzip;

use std::fmt;
use std::io::{self, Write};

use self::gzip::Gzip;
use super::{Codec, Compression};

/// Compresses what is written to it.
///
/// The stream is whole only after [`finish`](Self::finish); a dropped encoder leaves it cut short.
pub struct Encoder<W: Write> {
    codec: Codec,
    stream: Stream<W>,
}

enum Stream<W: Write> {
    Plain(W),
    Gzip(Box<Gzip<W>>),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::Encoder<'static, W>>),
}

impl<W: Write> Encoder<W> {
    /// Writes the compressed stream to `out`.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the codec has no such level, and
    /// [`Unsupported`](io::ErrorKind::Unsupported) if this build has no such codec.
    pub fn new(out: W, compression: &Compression) -> io::Result<Self> {
        let Compression { codec, level, threads } = compression.clone();
        let levels = match codec {
            Codec::None | Codec::Xz | Codec::Bzip2 => i32::MIN..=i32::MAX,
            Codec::Gzip => 0..=9,
            Codec::Zstd => 1..=22,
        };
        if !levels.contains(&level) {
            let message = format!("{codec} has no level `{level}`");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let stream = match codec {
            Codec::None => Stream::Plain(out),
            Codec::Gzip => Stream::Gzip(Box::new(Gzip::new(out, level.unsigned_abs(), threads)?)),
            #[cfg(feature = "zstd")]
            Codec::Zstd => {
                let mut encoder = zstd::Encoder::new(out, level)?;
                encoder.include_checksum(true)?;
                // One worker and many make the same stream; none makes another.
                encoder.multithread(u32::try_from(threads.get()).unwrap_or(u32::MAX))?;
                Stream::Zstd(Box::new(encoder))
            }
            #[cfg(not(feature = "zstd"))]
            Codec::Zstd => return Err(io::ErrorKind::Unsupported.into()),
            Codec::Xz | Codec::Bzip2 => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(Self { codec, stream })
    }

    /// Ends the stream, and gives back what it was written to.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> io::Result<W> {
        match self.stream {
            Stream::Plain(out) => Ok(out),
            Stream::Gzip(encoder) => encoder.finish(),
            #[cfg(feature = "zstd")]
            Stream::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(out) => out.write(bytes),
            Stream::Gzip(encoder) => encoder.write(bytes),
            #[cfg(feature = "zstd")]
            Stream::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// Does nothing for compressed streams: where they are flushed would change them.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(out) => out.flush(),
            _ => Ok(()),
        }
    }
}

impl<W: Write> fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("codec", &self.codec).finish_non_exhaustive()
    }
}
