use std::fmt;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::MediaType;

/// The compression of a layer, or of an archive of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// None: a plain tar archive.
    None,
    /// gzip ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).
    Gzip,
    /// Zstandard ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)).
    Zstd,
    /// xz ([format](https://tukaani.org/xz/xz-file-format.txt)): archives alone, as no media type of a
    /// layer names it.
    Xz,
    /// bzip2: known by its first bytes so that an error can name it, and never read.
    Bzip2,
}

impl Codec {
    /// How many of its first bytes say the compression of a stream.
    pub const START: usize = 10;

    /// The compression that a media type names: `None` if it names no layer of a kind known here.
    pub fn of(media_type: &MediaType) -> Option<Self> {
        if !media_type.is_layer() {
            return None;
        }
        match media_type.as_str().rsplit(['.', '+']).next()? {
            "tar" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression of a stream that begins with `start`, of which [`START`](Self::START) bytes are
    /// enough.
    ///
    /// zstd may begin with a skippable frame. What is not known counts as uncompressed.
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A file's name may begin an archive with `BZh1`, so the number of a block or of the end,
            // one of which has to follow, counts too.
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                    || rest.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) =>
            {
                Self::Bzip2
            }
            _ => Self::None,
        }
    }

    /// The media type of a layer with this compression; `None` if no layer can have it.
    pub fn media_type(self) -> Option<MediaType> {
        match self {
            Self::None => Some(MediaType::LAYER_TAR),
            Self::Gzip => Some(MediaType::LAYER_TAR_GZIP),
            Self::Zstd => Some(MediaType::LAYER_TAR_ZSTD),
            Self::Xz | Self::Bzip2 => None,
        }
    }

    /// What lets a program read such a stream that cannot.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => "decompress it by `gzip -d`",
            Self::Zstd => "build with the feature `zstd`, or decompress it by `zstd -d`",
            Self::Xz => "build with the feature `xz`, or decompress it by `xz -d`",
            Self::Bzip2 => "decompress it by `bzip2 -d`",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// What says how the blob of a layer is compressed. Closed by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there is nothing else that could say it
pub enum CodecBy {
    /// Its media type, with which the first bytes must agree. What is not so has two readings.
    #[default]
    MediaType,
    /// Its first bytes, whatever the media type says, as containerd, podman and umoci have it: for images
    /// whose media types are wrong.
    Content,
}

/// How a layer is compressed: the codec, the level, and how many threads work on it.
///
/// The bytes that come out depend on the codec and the level alone, never on the number of threads.
/// They may differ between versions of this crate and of the libraries below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    pub(super) codec: Codec,
    pub(super) level: i32,
    pub(super) threads: NonZeroUsize,
}

impl Compression {
    /// No compression.
    pub fn none() -> Self {
        Self::new(Codec::None, 0)
    }

    /// gzip, level 4: about a percent larger than at level 6, in less than nine tenths of the time.
    pub fn gzip() -> Self {
        Self::new(Codec::Gzip, 4)
    }

    /// zstd, level 3.
    pub fn zstd() -> Self {
        Self::new(Codec::Zstd, 3)
    }

    /// Uses a level: 0 (stored) to 9 for gzip, 1 to 22 for zstd.
    pub fn level(self, level: i32) -> Self {
        Self { level, ..self }
    }

    /// Uses so many threads beside the caller's own; by default, as many as there are processors.
    /// With one, gzip is made in the caller's thread.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The media type of a layer with this compression.
    pub fn media_type(&self) -> MediaType {
        self.codec.media_type().expect("only the codecs of layers have a constructor above")
    }

    fn new(codec: Codec, level: i32) -> Self {
        let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { codec, level, threads }
    }
}
