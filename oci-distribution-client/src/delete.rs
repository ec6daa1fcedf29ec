use http::{Method, StatusCode};
use oci_image::distribution::ErrorCode;
use oci_image::{Digest, TagOrDigest};
use serde::Deserialize;
use url::Url;

use crate::auth::Access;
use crate::error::{Error, ErrorKind};
use crate::manifest::not_carried_out;
use crate::push::parse_tag;
use crate::repository::Repository;

/// Many registries do not delete, and say so with an error of kind
/// [`Unsupported`](ErrorKind::Unsupported) or [`Denied`](ErrorKind::Denied).
impl Repository {
    /// Deletes the manifest, and the tags that mean it. If it refers to another one and the registry
    /// does not keep the list of those, it is taken off the list that clients keep.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it is not there.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<(), Error> {
        let action = format!("delete manifest `{digest}` of `{self}`");
        let subject = match self.get(&digest.clone().into(), &action).await {
            Ok(found) => subject(found.content.as_bytes().into_inner()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
            // What cannot be read can be deleted all the same.
            Err(_) => None,
        };
        self.delete(self.manifest_url(&digest.clone().into()), &action).await?;
        match subject {
            Some(subject) if !self.lists_referrers(&subject).await? => {
                self.untag_referrer(&subject, digest).await
            }
            _ => Ok(()),
        }
    }

    /// Deletes the tag, and not what it means.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it is not there.
    pub async fn delete_tag(&self, tag: &str) -> Result<(), Error> {
        let action = format!("delete tag `{}` of `{self}`", crate::text::printable(tag, 200));
        let tag = parse_tag(tag, &action)?;
        let deleted = self.delete(self.manifest_url(&TagOrDigest::Tag(tag)), &action).await;
        deleted.map_err(|error| match takes_digests_alone(&error) {
            true => error
                .of_kind(ErrorKind::Unsupported)
                .because("the registry deletes manifests by their digests, and no tags"),
            false => error,
        })
    }

    /// Deletes the blob.
    ///
    /// # Errors
    /// Of kind [`NotFound`](ErrorKind::NotFound) if it is not there.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<(), Error> {
        let action = format!("delete blob `{digest}` of `{self}`");
        self.delete(self.blob_url(digest), &action).await
    }

    async fn delete(&self, url: Url, action: &str) -> Result<(), Error> {
        let answer = self.call(Method::DELETE, url.clone(), Access::Delete, action).send().await?;
        // The one success of the specification; any other is believed when it shows.
        if answer.status() == StatusCode::ACCEPTED {
            return Ok(());
        }
        match self.call(Method::HEAD, url, Access::Delete, action).send().await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(not_carried_out(answer.status(), action).with_source(error)),
            Ok(_) => Err(not_carried_out(answer.status(), action)),
        }
    }
}

/// Whether this is how a registry refuses to delete a tag that takes it for a digest.
fn takes_digests_alone(error: &Error) -> bool {
    error.codes().iter().any(|error| error.code == ErrorCode::DigestInvalid)
}

/// The digest of the manifest that the one in `bytes` refers to.
fn subject(bytes: &[u8]) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Referring {
        subject: Subject,
    }
    #[derive(Deserialize)]
    struct Subject {
        digest: String,
    }
    let Referring { subject } = serde_json::from_slice(bytes).ok()?;
    subject.digest.parse().ok()
}
