use super::Error;
use crate::Descriptor;

/// How much of a graph is walked at most.
///
/// The defaults are for one image with all that it points to. [`Limits::store`] are for all images of a
/// store of one's own.
///
/// Archives, layers, the client and the registry have `Limits` of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most documents one below the other, the root among them. Default: 32: images have two or
    /// three, chains of referrers a few more; what it bounds is the number of reads that wait for
    /// each other.
    pub depth: usize,
    /// The most manifests and indexes. Default: 10,000.
    pub documents: usize,
    /// The most bytes of manifests and indexes together. Default: 256 MiB.
    pub bytes: u64,
}

impl Limits {
    /// For a walk over all that a store holds: 2^20 documents, of as many bytes as they have, 32 of
    /// them one below the other.
    pub fn store() -> Self {
        Self { documents: 1 << 20, bytes: u64::MAX, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 32, documents: 10_000, bytes: 256 << 20 }
    }
}

/// What was walked so far.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    documents: usize,
    bytes: u64,
}

impl Walked {
    /// Counts a document with `depth` others above it, before it is read.
    pub(crate) fn count(
        &mut self,
        document: &Descriptor,
        depth: usize,
        limits: &Limits,
    ) -> Result<(), Error> {
        self.documents += 1;
        self.bytes = self.bytes.saturating_add(document.size);
        let digest = || document.digest.clone();
        let Limits { depth: depth_limit, documents, bytes } = *limits;
        if depth >= depth_limit {
            return Err(Error::TooDeep { digest: digest(), limit: depth_limit });
        }
        if self.documents > documents {
            return Err(Error::TooManyDocuments { digest: digest(), limit: documents });
        }
        if self.bytes > bytes {
            return Err(Error::TooManyBytes { digest: digest(), limit: bytes });
        }
        Ok(())
    }
}
