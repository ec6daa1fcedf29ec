mod download;
mod reader;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use oci_digest::Verifier;
use oci_image::distribution::{ByteRange, ContentRange, RangeRequest};
use oci_image::{Descriptor, Digest};

use crate::auth::Access;
use crate::call::Answer;
use crate::error::{Error, ErrorKind};
use crate::manifest::{content_digest, other_digest};
use crate::repository::Repository;

pub(crate) use download::{Download, Received, Whole};
pub use reader::BlobReader;

impl Repository {
    /// Reads the blob that `blob` names.
    ///
    /// # Errors
    /// If the digest is by an algorithm that cannot be verified. Nothing is asked yet.
    pub fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
        let download = Download::new(self.source().clone(), blob.clone());
        let verifier = blob.verifier().map_err(|source| {
            Error::new(ErrorKind::Verification, download.action()).with_source(source)
        })?;
        Ok(BlobReader::new(download, Some(verifier)))
    }

    /// Reads the rest of the blob that `blob` names, whose first bytes `verifier` has seen: the whole is verified.
    ///
    /// # Errors
    /// If `verifier` is of another digest or size. Nothing is asked yet.
    pub fn rest_of_blob(&self, blob: &Descriptor, verifier: Verifier) -> Result<BlobReader, Error> {
        let download =
            Download::new(self.source().clone(), blob.clone()).starting_at(verifier.seen());
        let size = verifier.seen().checked_add(verifier.remaining());
        if *verifier.digest() != blob.digest || size != Some(blob.size) {
            return Err(Error::new(ErrorKind::Configuration, download.action())
                .because("the verifier is of another blob"));
        }
        Ok(BlobReader::new(download, Some(verifier)))
    }

    /// Reads a blob from `offset` on. The bytes are as the registry sent them, and only their number is checked: a part
    /// of a blob cannot be verified.
    ///
    /// # Errors
    /// If the blob ends before `offset`. Nothing is asked yet.
    pub fn danger_blob_from(&self, blob: &Descriptor, offset: u64) -> Result<BlobReader, Error> {
        let download = Download::new(self.source().clone(), blob.clone());
        if offset > blob.size {
            let reason = format!("it has {} bytes, and {offset} are to be skipped", blob.size);
            return Err(Error::new(ErrorKind::Configuration, download.action()).because(reason));
        }
        Ok(BlobReader::new(download.starting_at(offset), None))
    }

    /// The bytes `first..=last` of a blob, fewer only where the blob ends before. They are as the registry sent
    /// them: a part of a blob cannot be verified.
    ///
    /// # Errors
    /// Of kind [`Unsupported`](ErrorKind::Unsupported) if the registry gives no parts.
    pub async fn danger_blob_range(
        &self,
        digest: &Digest,
        first: u64,
        last: u64,
    ) -> Result<Bytes, Error> {
        let action = format!("pull bytes {first}-{last} of blob `{digest}` of `{self}`");
        let source = self.source();
        let url = source.blob_url(digest);
        let call = source.call(Method::GET, url, Access::Pull, &action);
        let range = ByteRange::new(first, last).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, action.as_str()).because("the range is empty")
        })?;
        let wanted = RangeRequest::Part(range).to_string();
        let call = call.header(header::RANGE, &wanted).only(StatusCode::PARTIAL_CONTENT);
        let (answer, bytes) = call.read(range.len()).await?;
        let error = |kind, reason: &str| Err(Error::new(kind, action.as_str()).because(reason));
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            return error(ErrorKind::Unsupported, "the registry sent the whole");
        }
        refuse_encoding(&answer, &action)?;
        match answer.header(&header::CONTENT_RANGE).and_then(ContentRange::parse) {
            Some(ContentRange::Part { range: sent, total })
                // No more bytes than were asked for are read, so it ends no later.
                if sent.first() == first
                    && sent.len() == bytes.len() as u64
                    && (sent.last() == last || sent.last().checked_add(1) == total) =>
            {
                Ok(bytes)
            }
            _ => error(ErrorKind::Protocol, "the registry sent another part"),
        }
    }

    /// The size of a blob in bytes, by the registry's word: what it takes to make a [`Descriptor`] of a digest alone.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it is not there.
    pub async fn blob_size(&self, digest: &Digest) -> Result<u64, Error> {
        let action = format!("look for blob `{digest}` in `{self}`");
        let source = self.source();
        // Some proxies give the answer to a HEAD the length of its own body, or none.
        for method in [Method::HEAD, Method::GET] {
            let call = source.call(method, source.blob_url(digest), Access::Pull, &action);
            let answer = call.send().await?;
            match answer.content_length() {
                Some(size) if size > 0 => return Ok(size),
                _ => {}
            }
        }
        if Digest::sha256("") == *digest {
            return Ok(0);
        }
        Err(Error::new(ErrorKind::Protocol, action).because("the registry does not say its size"))
    }

    /// Whether the blob is in the repository, by the registry's word.
    ///
    /// # Errors
    /// If the registry does not say.
    pub async fn has_blob(&self, blob: &Descriptor) -> Result<bool, Error> {
        let action = format!("look for blob `{}` in `{self}`", blob.digest);
        self.source().has_blob_for(blob, Access::Pull, &action).await
    }

    pub(crate) async fn has_blob_for(
        &self,
        blob: &Descriptor,
        access: Access,
        action: &str,
    ) -> Result<bool, Error> {
        // What the answer to a HEAD does not say, or is refused, that to a GET may say.
        let mut refused = None;
        for method in [Method::HEAD, Method::GET] {
            let url = self.blob_url(&blob.digest);
            match self.call(method, url, access, action).send().await {
                Ok(answer) if shows(&answer, blob) => return Ok(true),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::NotFound => return Ok(false),
                    ErrorKind::Unauthorized
                    | ErrorKind::Denied
                    | ErrorKind::Unsupported
                    | ErrorKind::Refused => {
                        refused = Some(error);
                    }
                    _ => return Err(error),
                },
            }
        }
        Err(refused.unwrap_or_else(|| {
            Error::new(ErrorKind::Protocol, action)
                .because("neither size nor digest of the answer are those of the blob")
        }))
    }
}

/// Whether the head of `answer` says that the blob is there: any server can answer with success, but does not
/// know size or digest.
fn shows(answer: &Answer, blob: &Descriptor) -> bool {
    let is_known = match answer.content_length() {
        Some(size) if size == blob.size => true,
        // Some proxies give the answer to a HEAD the length of its own body.
        None | Some(0) => content_digest(answer).as_ref() == Some(&blob.digest),
        Some(_) => false,
    };
    answer.status() == StatusCode::OK && is_known && other_digest(answer, &blob.digest).is_none()
}

/// A part of a blob cannot be verified: an encoding that was not requested would be taken for its bytes. Of the
/// whole the digest decides, as some registries state an encoding that there is not.
fn refuse_encoding(answer: &Answer, action: &str) -> Result<(), Error> {
    match answer.encoding() {
        Some(_) => Err(Error::new(ErrorKind::Protocol, action)
            .because("the registry encoded it, which was not requested")),
        None => Ok(()),
    }
}
