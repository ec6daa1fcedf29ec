mod tag;

use http::header;
use oci_image::distribution::{Endpoint, essence, query, referrers_tag};
use oci_image::{AnyDocument, Descriptor, Digest, Index, MediaType, json};

use crate::error::{Error, ErrorKind};
use crate::list::Pages;
use crate::manifest::parse;
use crate::repository::Repository;

impl Repository {
    /// The manifests that refer to `subject`, of the type `artifact_type` if that is given.
    ///
    /// Registries without the API are asked for the index that clients keep under a tag instead.
    ///
    /// # Errors
    /// If the registry fails; no referrers is an empty list.
    pub async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Vec<Descriptor>, Error> {
        let action = format!("list the referrers of `{subject}` in `{self}`");
        let mut found = match self.listed_referrers(subject, artifact_type, &action).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.tagged_referrers(subject, &action).await?
            }
            Err(error) => return Err(error),
        };
        // The registry may have filtered or not; filtering twice does no harm.
        if let Some(wanted) = artifact_type {
            found.retain(|descriptor| descriptor.artifact_type.as_ref() == Some(wanted));
        }
        Ok(found)
    }

    async fn listed_referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&MediaType>,
        action: &str,
    ) -> Result<Vec<Descriptor>, Error> {
        let mut url = self.url(&Endpoint::Referrers(self.name().clone(), subject.clone()));
        if let Some(wanted) = artifact_type {
            url.query_pairs_mut().append_pair(query::ARTIFACT_TYPE, wanted.as_str());
        }
        let mut pages = Pages::new(self, url, action);
        let mut found = Vec::new();
        while let Some((answer, page)) = pages.next(MediaType::IMAGE_INDEX.as_str()).await? {
            let content_type = answer.header(&header::CONTENT_TYPE).unwrap_or_default();
            // Some registries answer any path with a page for people.
            if essence(content_type) != MediaType::IMAGE_INDEX.as_str() {
                return Err(Error::new(ErrorKind::NotFound, action)
                    .because("the registry has no list of referrers"));
            }
            let index: Index =
                json::from_slice(&page).map_err(|source| pages.unreadable(source))?;
            found.extend(index.manifests);
        }
        Ok(found)
    }

    /// The referrers in the index under the tag that stands for `subject`.
    async fn tagged_referrers(
        &self,
        subject: &Digest,
        action: &str,
    ) -> Result<Vec<Descriptor>, Error> {
        let name = referrers_tag(subject).into();
        match self.get(&name, action).await {
            Ok((descriptor, bytes)) => {
                let limit = self.shared.wire.limits.manifest;
                match parse(bytes, &descriptor, limit, action) {
                    Ok(AnyDocument::Index(index)) => Ok(index.into_value().manifests),
                    // Not made by this scheme: the spec says to assume none.
                    Ok(AnyDocument::Manifest(_)) | Err(_) => Ok(Vec::new()),
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
