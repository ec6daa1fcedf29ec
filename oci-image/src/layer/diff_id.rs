use oci_digest::{Digest, Hasher};

/// The digest of an uncompressed layer, on its way.
pub(super) enum DiffId {
    /// Computed.
    Hashed(Hasher),
    /// That of the blob, which is the layer itself and was verified by its source.
    Blob(Digest),
}

impl DiffId {
    /// Takes in the next bytes of the layer.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Self::Hashed(hasher) = self {
            hasher.update(bytes);
        }
    }

    /// The digest, at the end of the layer.
    pub(super) fn finish(&self) -> Digest {
        match self {
            Self::Hashed(hasher) => hasher.clone().finish(),
            Self::Blob(digest) => digest.clone(),
        }
    }
}
