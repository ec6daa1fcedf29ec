use bytes::Bytes;
use http::{Method, header};
use oci_image::{AnyDocument, TagOrDigest};

use super::refuse_other_digest;
use crate::auth::Access;
use crate::call::Answer;
use crate::error::Error;
use crate::repository::Repository;

impl Repository {
    /// Sends a manifest as `name`, a tag or its digest, and nothing else.
    pub(crate) async fn put_bytes(
        &self,
        name: &TagOrDigest,
        document: &AnyDocument,
        action: &str,
    ) -> Result<Answer, Error> {
        let descriptor = document.descriptor();
        let url = self.manifest_url(name);
        let call = self.call(Method::PUT, url, Access::Push, action);
        let call = call.header(header::CONTENT_TYPE, descriptor.media_type.as_str());
        let answer = call.bytes(Bytes::copy_from_slice(document.bytes())).send().await?;
        refuse_other_digest(&answer, &descriptor.digest, action)?;
        Ok(answer)
    }
}
