mod tag;

use std::collections::HashSet;

use http::header;
use oci_image::distribution::{Endpoint, essence, query};
use oci_image::{Descriptor, Digest, Index, MediaType, json};

use crate::error::{Error, ErrorKind};
use crate::list::Pages;
use crate::repository::Repository;
use tag::Tagged;

impl Repository {
    /// The manifests that refer to `subject`, of the type `artifact_type` if that is given, each once.
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
        let source = self.source();
        let mut found = match source.listed_referrers(subject, artifact_type, &action).await {
            Ok(found) => found,
            Err(error) if is_without_api(&error) || error.kind() == ErrorKind::Denied => {
                match source.tagged_referrers(subject, &action).await? {
                    Tagged::List(index, _) => index.into_value().manifests,
                    // What is denied may be there.
                    _ if error.kind() == ErrorKind::Denied => return Err(error),
                    // The spec says to assume none.
                    Tagged::Nothing | Tagged::Denied(_) | Tagged::Subject | Tagged::Other(_) => {
                        Vec::new()
                    }
                }
            }
            Err(error) => return Err(error),
        };
        // The registry may have filtered or not; filtering twice does no harm.
        if let Some(wanted) = artifact_type {
            found.retain(|descriptor| descriptor.artifact_type.as_ref() == Some(wanted));
        }
        // Some registries list one for each of its tags, too.
        let mut seen = HashSet::new();
        found.retain(|descriptor| seen.insert(descriptor.digest.clone()));
        Ok(found)
    }

    /// Whether the registry itself lists the referrers of `subject`.
    pub(crate) async fn lists_referrers(&self, subject: &Digest) -> Result<bool, Error> {
        let action = format!("list the referrers of `{subject}` in `{self}`");
        match self.listed_referrers(subject, None, &action).await {
            Ok(_) => Ok(true),
            Err(error) if is_without_api(&error) => Ok(false),
            Err(error) => Err(error),
        }
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
        // GHCR redirects to a page of GitHub, which refuses who asks for it often.
        let mut pages = Pages::of(self, url, action).ending_with(format!("/{subject}"));
        let mut found = Vec::new();
        let mut is_first = true;
        loop {
            let page = pages.next(MediaType::IMAGE_INDEX.as_str()).await;
            let page = page.map_err(|error| match is_first {
                true => error,
                // The API is there, so it is not to be replaced by the tag.
                false => error.of_kind(ErrorKind::Protocol),
            });
            let Some((answer, page)) = page? else { return Ok(found) };
            is_first = false;
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
    }
}

/// Whether this is how registries without the API answer: `404` by the specification, others because they take
/// the path for that of another thing.
fn is_without_api(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Refused)
}
