use bytes::Bytes;
use http::{Method, StatusCode, header};
use oci_image::distribution::{header as names, query};
use oci_image::{AnyDocument, Tag, TagOrDigest};

use super::{content_digest, refuse_other_digest};
use crate::auth::Access;
use crate::call::{Answer, Call};
use crate::error::{Error, ErrorKind};
use crate::repository::Repository;

/// How many tags are asked for with one push: as many as registries should take at least.
const TAGS: usize = 10;

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
    /// Sends a manifest by its digest and has the registry set `tags` with it; says which of them it set, by its own word
    /// (`OCI-Tag`, in the specification's main branch). One that is known not to do so is not asked.
    pub(crate) async fn put_tagged(
        &self,
        document: &AnyDocument,
        tags: &[&Tag],
        action: &str,
    ) -> Result<Vec<Tag>, Error> {
        let mut set = Vec::new();
        for tags in tags.chunks(TAGS) {
            if tags.len() < 2 || self.registry.ignores_tags() {
                break;
            }
            let name = document.descriptor().digest.clone().into();
            let mut url = self.manifest_url(&name);
            url.query_pairs_mut().extend_pairs(tags.iter().map(|tag| (query::TAG, tag.as_str())));
            let call = self.call(Method::PUT, url, Access::Push, action);
            match self.put_by(call, &name, document, action).await {
                Ok(answer) => {
                    let names = answer.response.headers().get_all(names::TAG).iter();
                    let names = names.filter_map(|name| name.to_str().ok()?.trim().parse().ok());
                    set.extend(names.filter(|name| tags.contains(&name)));
                }
                // It may be the query that it refuses (414, or one that it does not know).
                Err(error) if may_be_the_tags(&error) => {}
                Err(error) => return Err(error),
            }
            if set.is_empty() {
                self.registry.note_ignored_tags();
            }
        }
        Ok(set)
    }

    /// Sends a manifest as `name`, a tag or its digest, and nothing else.
    pub(crate) async fn put_bytes(
        &self,
        name: &TagOrDigest,
        document: &AnyDocument,
        condition: &Condition,
        action: &str,
    ) -> Result<Answer, Error> {
        let call = self.call(Method::PUT, self.manifest_url(name), Access::Push, action);
        let call = match condition {
            Condition::None => call,
            Condition::Matches(entity_tag) => call.header(header::IF_MATCH, entity_tag),
            Condition::Absent => call.header(header::IF_NONE_MATCH, "*"),
        };
        self.put_by(call, name, document, action).await
    }

    async fn put_by(
        &self,
        call: Call<'_>,
        name: &TagOrDigest,
        document: &AnyDocument,
        action: &str,
    ) -> Result<Answer, Error> {
        let descriptor = document.descriptor();
        let call = call.header(header::CONTENT_TYPE, descriptor.media_type.as_str());
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

fn may_be_the_tags(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused | ErrorKind::Unsupported)
}

/// A success that the state of the registry does not show.
pub(crate) fn not_carried_out(answered: StatusCode, action: &str) -> Error {
    Error::new(ErrorKind::Protocol, action).because(format!(
        "the server answered {}, and did not do it: it may not be a registry",
        answered.as_u16()
    ))
}
