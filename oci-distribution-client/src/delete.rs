use http::Method;
use oci_image::Digest;
use url::Url;

use crate::auth::Access;
use crate::error::Error;
use crate::push::check_tag;
use crate::repository::Repository;

/// Many registries do not delete, and say so with an error of kind
/// [`Unsupported`](crate::ErrorKind::Unsupported) or [`Denied`](crate::ErrorKind::Denied).
impl Repository {
    /// Deletes the manifest, and the tags that mean it.
    ///
    /// # Errors
    /// Of kind [`NotFound`](crate::ErrorKind::NotFound) if it is not there.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<(), Error> {
        let action = format!("delete manifest `{digest}` of `{self}`");
        self.delete(self.url(format_args!("manifests/{digest}")), &action).await
    }

    /// Deletes the tag, and not what it means.
    ///
    /// # Errors
    /// Of kind [`NotFound`](crate::ErrorKind::NotFound) if it is not there.
    pub async fn delete_tag(&self, tag: &str) -> Result<(), Error> {
        let action = format!("delete tag `{}` of `{self}`", crate::text::printable(tag, 200));
        check_tag(tag, &action)?;
        self.delete(self.url(format_args!("manifests/{tag}")), &action).await
    }

    /// Deletes the blob.
    ///
    /// # Errors
    /// Of kind [`NotFound`](crate::ErrorKind::NotFound) if it is not there.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<(), Error> {
        let action = format!("delete blob `{digest}` of `{self}`");
        self.delete(self.url(format_args!("blobs/{digest}")), &action).await
    }

    async fn delete(&self, url: Url, action: &str) -> Result<(), Error> {
        self.call(Method::DELETE, url, Access::Delete, action).send().await.map(drop)
    }
}
