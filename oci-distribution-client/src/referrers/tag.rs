use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, Descriptor, Digest, Document, Index, MediaType, Tag};

use crate::error::{Error, ErrorKind};
use crate::manifest::parse;
use crate::repository::Repository;

/// How often the index is written again because another client wrote it at the same time.
const ATTEMPTS: usize = 10;

/// The index of referrers that clients keep under a tag where the registry keeps none ([spec.md]).
///
/// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
impl Repository {
    /// Adds `referrer` to the index for its subject.
    pub(crate) async fn tag_referrer(
        &self,
        subject: &Digest,
        referrer: &AnyDocument,
    ) -> Result<(), Error> {
        let action = format!(
            "list `{}` as a referrer of `{subject}` in `{self}`",
            referrer.descriptor().digest
        );
        let entry = referrer.as_referrer();
        self.edit_referrers(subject, &action, |list| {
            let is_listed = list.iter().any(|listed| listed.digest == entry.digest);
            if !is_listed {
                list.push(entry.clone());
            }
            !is_listed
        })
        .await
    }

    /// Removes `referrer` from the index for `subject`.
    pub(crate) async fn untag_referrer(
        &self,
        subject: &Digest,
        referrer: &Digest,
    ) -> Result<(), Error> {
        let action = format!("unlist `{referrer}` as a referrer of `{subject}` in `{self}`");
        self.edit_referrers(subject, &action, |list| {
            let before = list.len();
            list.retain(|listed| listed.digest != *referrer);
            list.len() != before
        })
        .await
    }

    /// Whether the registry itself lists the referrers of `subject`.
    pub(crate) async fn lists_referrers(&self, subject: &Digest) -> Result<bool, Error> {
        let action = format!("list the referrers of `{subject}` in `{self}`");
        match self.listed_referrers(subject, None, &action).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes the index for `subject` until it is as wanted: `change` says whether it changed
    /// anything. Registries have no way to change it at once, so this client makes one change at a time,
    /// and looks at it again afterwards for what other clients did.
    async fn edit_referrers(
        &self,
        subject: &Digest,
        action: &str,
        change: impl Fn(&mut Vec<Descriptor>) -> bool,
    ) -> Result<(), Error> {
        let tag = referrers_tag(subject);
        let _one = self.shared.referrers.lock().await;
        for _ in 0..ATTEMPTS {
            let index = self.referrers_index(&tag, action).await?;
            let mut list = index.manifests.clone();
            if !change(&mut list) {
                return Ok(());
            }
            let edited = index.edit(|index| index.manifests = list);
            let edited = edited.map_err(|source| {
                Error::new(ErrorKind::Document, action)
                    .because("the index of referrers cannot be written")
                    .with_source(source)
            })?;
            self.put_bytes(&tag.clone().into(), &AnyDocument::Index(edited), action).await?;
        }
        Err(Error::new(ErrorKind::Refused, action)
            .because(format!("the index of referrers was changed by others {ATTEMPTS} times")))
    }

    async fn referrers_index(&self, tag: &Tag, action: &str) -> Result<Document<Index>, Error> {
        match self.get(&tag.clone().into(), action).await {
            Ok((descriptor, bytes)) => {
                match parse(bytes, &descriptor, self.shared.wire.limits.manifest, action)? {
                    AnyDocument::Index(index) => Ok(index),
                    AnyDocument::Manifest(_) => Err(Error::new(ErrorKind::Document, action)
                        .because(format!("tag `{tag}` means something else than an index"))),
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut index = Index::new();
                index.media_type = Some(MediaType::IMAGE_INDEX);
                Document::new(index)
                    .map_err(|source| Error::new(ErrorKind::Document, action).with_source(source))
            }
            Err(error) => Err(error),
        }
    }
}
