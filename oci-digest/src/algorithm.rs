use core::fmt;

/// A registered algorithm that this build can compute.
///
/// Digests of other algorithms parse (they are valid by the grammar) but cannot be verified:
/// their [`Digest::algorithm`](crate::Digest::algorithm) is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, which every implementation has.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// BLAKE3 with 256 bits of output.
    #[cfg(feature = "blake3")]
    Blake3,
}

impl Algorithm {
    /// The name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            #[cfg(feature = "blake3")]
            Self::Blake3 => "blake3",
        }
    }

    /// The algorithm of this name, if it is one that this build can compute.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            #[cfg(feature = "blake3")]
            "blake3" => Self::Blake3,
            _ => return None,
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The length of the encoded part of a registered algorithm, in hexadecimal characters.
pub(crate) fn registered_length(algorithm: &str) -> Option<usize> {
    match algorithm {
        "sha256" | "blake3" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    }
}
