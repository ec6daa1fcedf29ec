use oci_image::annotations::REF_NAME;
use oci_image::{Index, MediaType, Platform};

use crate::error::Error;
use crate::manifest::Resolved;
use crate::repository::Repository;

/// The names are those of [`oci_image::images::Images`].
impl Repository {
    /// The image of this tag or digest for the platform that this program runs on.
    ///
    /// # Errors
    /// As [`image_for`](Self::image_for).
    pub async fn image(&self, name: &str) -> Result<Resolved, Error> {
        self.image_for(name, &Platform::host()).await
    }

    /// The image of this tag or digest for a platform.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve) and [`Resolved::platform`].
    pub async fn image_for(&self, name: &str, platform: &Platform) -> Result<Resolved, Error> {
        self.resolve(name).await?.platform(platform).await
    }

    /// All tags and what they mean now, as the `index.json` of a layout would list them. It takes a request
    /// for each tag.
    ///
    /// # Errors
    /// As [`tags`](Self::tags) and [`resolve`](Self::resolve).
    pub async fn index(&self) -> Result<Index, Error> {
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        for tag in self.tags().await? {
            let mut entry = self.resolve(&tag).await?.descriptor().clone();
            entry.annotations.insert(REF_NAME.into(), tag);
            index.manifests.push(entry);
        }
        Ok(index)
    }
}
