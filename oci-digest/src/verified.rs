use core::ops::Deref;

use crate::{Algorithm, Digest, Verifier, VerifyError};

/// Content together with its digest: a witness that the one was checked against the other.
///
/// Only [`Digest::verify`] and [`hash`](Self::hash) make one, so what takes a `Verified` has no reason to
/// hash it again.
///
/// ```
/// use oci_digest::{Digest, Verified};
///
/// let expected = Digest::sha256("hello");
/// let content: Verified<&str> = expected.verify("hello")?;
/// assert_eq!((content.digest(), *content), (&expected, "hello"));
/// assert!(expected.verify("hellO").is_err());
/// # Ok::<(), oci_digest::VerifyError>(())
/// ```
///
/// It stands for the bytes that `content.as_ref()` returned then. A type that returns others later, or is
/// converted to others, breaks the promise, as it would that of a key in a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    content: T,
    digest: Digest,
}

impl<T: AsRef<[u8]>> Verified<T> {
    /// Computes the digest of `content` by `algorithm`.
    pub fn hash(content: T, algorithm: Algorithm) -> Self {
        let digest = Digest::of(algorithm, &content);
        Self { content, digest }
    }

    /// The number of bytes.
    pub fn size(&self) -> u64 {
        self.content.as_ref().len() as u64
    }

    /// The same witness for the borrowed bytes.
    pub fn as_bytes(&self) -> Verified<&[u8]> {
        Verified { content: self.content.as_ref(), digest: self.digest.clone() }
    }
}

impl<T> Verified<T> {
    /// The digest of the content.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The content alone.
    pub fn into_inner(self) -> T {
        self.content
    }

    /// The same witness for the content in another container, as `Vec<u8>` becomes `Arc<[u8]>`.
    pub fn convert<U>(self) -> Verified<U>
    where
        T: Into<U>,
    {
        Verified { content: self.content.into(), digest: self.digest }
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl Digest {
    /// Checks that `content` has this digest, and witnesses it.
    ///
    /// # Errors
    /// [`VerifyError::Mismatch`] or [`VerifyError::Unverifiable`].
    pub fn verify<T: AsRef<[u8]>>(&self, content: T) -> Result<Verified<T>, VerifyError> {
        let bytes = content.as_ref();
        let mut verifier = Verifier::new(self, bytes.len() as u64)?;
        verifier.update(bytes)?;
        verifier.finish()?;
        Ok(Verified { content, digest: self.clone() })
    }
}
