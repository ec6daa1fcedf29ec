use std::io;

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::{AnyDocument, Descriptor, MediaType};

use super::invalid;

/// A manifest as it was pushed: its bytes and the media type that it was pushed with.
#[derive(Clone, Debug)]
pub(crate) struct StoredManifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl StoredManifest {
    /// A record is one line with the media type, and then the bytes as they are.
    pub(crate) fn from_record(digest: Digest, record: Bytes) -> io::Result<Self> {
        let mut bytes = record;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let line = bytes.split_to(end.ok_or_else(|| invalid("a manifest has no media type"))?);
        let media_type = std::str::from_utf8(&line).map_err(invalid)?.to_owned();
        // The end of the line.
        let bytes = bytes.slice(1..);
        Ok(Self { digest, media_type, bytes })
    }

    pub(crate) fn to_record(&self) -> Vec<u8> {
        [self.media_type.as_bytes(), b"\n", &self.bytes].concat()
    }

    fn descriptor(&self) -> Descriptor {
        let media_type = MediaType::from(self.media_type.clone());
        Descriptor::new(media_type, self.digest.clone(), self.bytes.len() as u64)
    }

    /// Reads it, if it is of a type that has references; others are bytes, whatever they look like.
    pub(crate) fn document(&self) -> Option<Result<AnyDocument, oci_image::DocumentError>> {
        let descriptor = self.descriptor();
        let is_known = descriptor.media_type.is_manifest_or_index();
        is_known.then(|| AnyDocument::parse(self.bytes.to_vec(), &descriptor))
    }

    pub(crate) fn subject(&self) -> Option<Digest> {
        let document = self.document()?.ok()?;
        document.subject().map(|subject| subject.digest.clone())
    }
}
