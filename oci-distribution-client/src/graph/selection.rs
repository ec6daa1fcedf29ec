use oci_image::distribution::digest_tags;
use oci_image::docker::Format;
use oci_image::{Descriptor, Platform, Tag};

use super::Manifests;
use crate::error::{Error, ErrorKind};

/// What is taken of and with an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) platforms: Platforms,
    pub(crate) referrers: bool,
    pub(crate) digest_tags: bool,
    /// What its documents are converted to.
    pub(crate) format: Option<Format>,
}

/// What is taken of an index.
#[derive(Clone, Debug, Default)]
pub(crate) enum Platforms {
    #[default]
    All,
    /// A new index of the images for these.
    Rewritten(Vec<Platform>),
    /// The index as it is, and the images for these.
    Sparse(Vec<Platform>),
}

impl Selection {
    /// Refuses what cannot be done together.
    pub(super) fn check(&self, action: &str) -> Result<(), Error> {
        let refused = match self {
            Self { format: None, .. } => return Ok(()),
            Self { platforms: Platforms::Sparse(_), .. } => {
                "what is converted has to be there: select with `platforms`, not `sparse_platforms`"
            }
            _ if self.takes_along() => {
                "what is converted has another digest, to which nothing refers: leave out `referrers` and `digest_tags`, or `format`"
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Configuration, action).because(refused))
    }

    /// Names the setting that helps where a registry takes no index without its images.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let is_refusal = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused);
        match self.platforms {
            Platforms::Sparse(_) if is_refusal => error.because(
                "the registry may take no index whose images are not there, see `platforms`",
            ),
            _ => error,
        }
    }

    pub(super) fn takes_along(&self) -> bool {
        self.referrers || self.digest_tags
    }

    /// What is taken along with `subject`, each with its tag if that leads to it.
    pub(super) async fn along(
        &self,
        subject: &Descriptor,
        from: Manifests<'_>,
    ) -> Result<Vec<(Option<Tag>, Descriptor)>, Error> {
        let Manifests { source, progress } = from;
        let mut found = Vec::new();
        if self.referrers {
            let listed = source.referrers(subject, progress).await?;
            found.extend(listed.into_iter().map(|referrer| (None, referrer)));
        }
        if self.digest_tags {
            for tag in digest_tags(&subject.digest) {
                if let Some(meant) = source.named(&tag, subject, progress).await? {
                    found.push((Some(tag), meant));
                }
            }
        }
        // What a list names beside manifests was not pushed as a referrer.
        found.retain(|(_, descriptor)| descriptor.media_type.is_manifest_or_index());
        Ok(found)
    }
}
