use bytes::Bytes;
use http::{Method, StatusCode, header};
use oci_image::{AnyDocument, TagOrDigest};

use super::{content_digest, refuse_other_digest};
use crate::auth::Access;
use crate::call::Answer;
use crate::error::{Error, ErrorKind};
use crate::repository::Repository;

/// What the name must mean for a manifest to be taken under it. Most registries do not look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    /// What has this entity tag.
    Matches(String),
    /// Nothing.
    Absent,
}

impl Repository {
    /// Sends a manifest as `name`, a tag or its digest, and nothing else.
    pub(crate) async fn put_bytes(
        &self,
        name: &TagOrDigest,
        document: &AnyDocument,
        condition: &Condition,
        action: &str,
    ) -> Result<Answer, Error> {
        let descriptor = document.descriptor();
        let url = self.manifest_url(name);
        let call = self.call(Method::PUT, url, Access::Push, action);
        let call = call.header(header::CONTENT_TYPE, descriptor.media_type.as_str());
        let call = match condition {
            Condition::None => call,
            Condition::Matches(entity_tag) => call.header(header::IF_MATCH, entity_tag),
            Condition::Absent => call.header(header::IF_NONE_MATCH, "*"),
        };
        let answer = call.bytes(Bytes::copy_from_slice(document.bytes())).send().await?;
        refuse_other_digest(&answer, &descriptor.digest, action)?;
        let is_told = answer.status() == StatusCode::CREATED
            && (content_digest(&answer).is_some() || answer.header(&header::LOCATION).is_some());
        if !is_told {
            self.read_back(name, document, answer.status(), action).await?;
        }
        Ok(answer)
    }

    /// Checks that `name` means `document` now, where the answer to a push does not say so as [spec.md]
    /// demands: a server that is not a registry answers any request with success.
    ///
    /// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
    async fn read_back(
        &self,
        name: &TagOrDigest,
        document: &AnyDocument,
        answered: StatusCode,
        action: &str,
    ) -> Result<(), Error> {
        let found = self.get(name, action).await;
        match found {
            Ok(found) if found.content.as_bytes().into_inner() == document.bytes() => Ok(()),
            Ok(_) => Err(not_carried_out(answered, action)),
            Err(error) => Err(not_carried_out(answered, action).with_source(error)),
        }
    }
}

/// A success that the state of the registry does not show.
pub(crate) fn not_carried_out(answered: StatusCode, action: &str) -> Error {
    Error::new(ErrorKind::Protocol, action).because(format!(
        "the server answered {}, and did not do it: it may not be a registry",
        answered.as_u16()
    ))
}
