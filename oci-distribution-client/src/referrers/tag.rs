use std::time::Duration;

use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, Descriptor, Digest, Document, Index, MediaType};
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::manifest::{Condition, parse};
use crate::registry::Registry;
use crate::repository::Repository;
use crate::retry::jittered;

/// How often the index is written again because another client wrote it at the same time.
const ATTEMPTS: u32 = 50;

/// About how long to wait where another client was faster.
const PAUSE: Duration = Duration::from_millis(20);

/// What is under the tag that stands for a subject.
pub(super) enum Tagged {
    Nothing,
    /// The registry does not tell: some deny what is not there.
    Denied(Error),
    /// The list, and its entity tag if it has a strong one.
    List(Box<Document<Index>>, Option<String>),
    /// The subject itself: the registry takes the tag for another way to write its digest.
    Subject,
    /// Something else, in a sentence: the tag is not a list of referrers.
    Other(&'static str),
}

/// What was learned while an index is changed.
#[derive(Default)]
struct Edit {
    /// The state that was read, and that the registry said was another one when it was to be written over.
    refused: Option<Condition>,
    /// Whether the registry refuses requests because they have conditions.
    is_unconditional: bool,
    /// Manifests that the index names and the repository does not have.
    gone: Vec<Digest>,
}

impl Edit {
    /// Under which condition to write over `state`.
    fn condition(&mut self, state: &Condition, registry: &Registry) -> Condition {
        match self.refused.take() {
            _ if self.is_unconditional => return Condition::None,
            // It is still this one, so the registry does not compare what it gave.
            Some(refused) if refused == *state => return Condition::None,
            Some(_) => registry.note_comparison(),
            None => {}
        }
        state.clone()
    }
}

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
        self.edit_referrers(subject, Some(&entry.digest), &action, |list| {
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
        self.edit_referrers(subject, None, &action, |list| {
            let before = list.len();
            list.retain(|listed| listed.digest != *referrer);
            list.len() != before
        })
        .await
    }

    /// Changes the index for `subject` until it is as wanted: `change` says whether it changed anything. `known` is a
    /// manifest that the repository has, where something is added.
    ///
    /// The registry is asked to write only over what was read. One that is not known to do so may have let
    /// another client, which read before this one wrote, write over this: so it is read again after a while.
    async fn edit_referrers(
        &self,
        subject: &Digest,
        known: Option<&Digest>,
        action: &str,
        change: impl Fn(&mut Vec<Descriptor>) -> bool,
    ) -> Result<(), Error> {
        let tag = referrers_tag(subject);
        let _one = self.shared.referrers.lock().await;
        let mut edit = Edit::default();
        for _ in 0..ATTEMPTS {
            let start = Instant::now();
            let (index, state) = self.referrers_index(subject, known, action).await?;
            let mut list = index.manifests.clone();
            if !change(&mut list) {
                return Ok(());
            }
            list.retain(|listed| !edit.gone.contains(&listed.digest));
            // What is to be added is never left out.
            change(&mut list);
            let condition = edit.condition(&state, &self.registry);
            let document = edited(&index, list, action)?;
            match self.put_bytes(&tag.clone().into(), &document, &condition, action).await {
                Ok(_) if condition != Condition::None && self.registry.compares() => return Ok(()),
                Ok(_) => tokio::time::sleep(self.settling(start.elapsed())).await,
                Err(error) => self.refused(&mut edit, &document, state, error, action).await?,
            }
        }
        Err(Error::new(ErrorKind::Refused, action)
            .because(format!("the index of referrers was changed by others {ATTEMPTS} times")))
    }

    /// Learns from a refusal what to do otherwise; gives it back if that is nothing.
    async fn refused(
        &self,
        edit: &mut Edit,
        document: &AnyDocument,
        state: Condition,
        error: Error,
        action: &str,
    ) -> Result<(), Error> {
        match error.kind() {
            _ if error.status() == Some(412) => {
                edit.refused = Some(state);
                tokio::time::sleep(jittered(PAUSE)).await;
            }
            // Some registries take no index that names what another client has deleted.
            ErrorKind::NotFound => {
                let mut missing = self.missing(document.children(), action).await?;
                missing.retain(|digest| !edit.gone.contains(digest));
                if missing.is_empty() {
                    return Err(error);
                }
                edit.gone.extend(missing);
            }
            ErrorKind::Refused | ErrorKind::Unsupported if !edit.is_unconditional => {
                edit.is_unconditional = true;
            }
            _ => return Err(error),
        }
        Ok(())
    }

    /// The digests of those manifests in `list` that the repository does not have.
    async fn missing(&self, list: Vec<&Descriptor>, action: &str) -> Result<Vec<Digest>, Error> {
        let mut missing = Vec::new();
        for Descriptor { digest, .. } in list {
            match self.get(&digest.clone().into(), action).await {
                Err(error) if error.kind() == ErrorKind::NotFound => missing.push(digest.clone()),
                // What cannot be read is there all the same.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(missing)
    }

    /// How long another client may take between reading and writing, by how long this one took.
    fn settling(&self, own: Duration) -> Duration {
        jittered(self.shared.wire.limits.referrers_settle.max(own).saturating_mul(2))
    }

    /// The index to change, an empty one if there is none, with what must be so when it is written.
    async fn referrers_index(
        &self,
        subject: &Digest,
        known: Option<&Digest>,
        action: &str,
    ) -> Result<(Document<Index>, Condition), Error> {
        let tag = referrers_tag(subject);
        match self.tagged_referrers(subject, action).await? {
            // A caller that may not read the list would replace it.
            Tagged::Denied(error) if !self.may_read(known, action).await => Err(error
                .because(format!("tag `{tag}` may be a list of referrers, and cannot be read"))),
            Tagged::List(index, Some(entity_tag)) => Ok((*index, Condition::Matches(entity_tag))),
            Tagged::List(index, None) => Ok((*index, Condition::None)),
            Tagged::Nothing | Tagged::Denied(_) => {
                let mut index = Index::new();
                index.media_type = Some(MediaType::IMAGE_INDEX);
                let index = Document::new(index);
                let index = index.map_err(|source| {
                    Error::new(ErrorKind::Document, action).with_source(source)
                })?;
                Ok((index, Condition::Absent))
            }
            Tagged::Subject => {
                Err(Error::new(ErrorKind::Unsupported, action).because(format!(
                    "the registry does not list referrers, and the tag `{tag}` for such a list means the subject itself"
                )))
            }
            Tagged::Other(reason) => Err(Error::new(ErrorKind::Document, action)
                .because(format!("tag `{tag}` is not a list of referrers: {reason}"))),
        }
    }

    /// Whether the registry gives the manifest `known`, which it has; without one, it is not asked.
    async fn may_read(&self, known: Option<&Digest>, action: &str) -> bool {
        match known {
            Some(known) => self.get(&known.clone().into(), action).await.is_ok(),
            None => true,
        }
    }

    /// What is under the tag that stands for `subject`.
    pub(super) async fn tagged_referrers(
        &self,
        subject: &Digest,
        action: &str,
    ) -> Result<Tagged, Error> {
        let found = match self.get(&referrers_tag(subject).into(), action).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Tagged::Nothing),
            Err(error) if error.kind() == ErrorKind::Denied => return Ok(Tagged::Denied(error)),
            Err(error) => return Err(error),
        };
        if subject.verify(found.content.as_bytes().into_inner()).is_ok() {
            return Ok(Tagged::Subject);
        }
        let limit = self.shared.wire.limits.manifest;
        match parse(found.content, &found.descriptor, limit, action) {
            Ok(AnyDocument::Index(index)) if is_of_an_image(&index) => {
                Ok(Tagged::Other("it is the index of an image"))
            }
            Ok(AnyDocument::Index(index)) => Ok(Tagged::List(Box::new(index), found.entity_tag)),
            Ok(AnyDocument::Manifest(_)) => {
                Ok(Tagged::Other("it means something else than an index"))
            }
            Err(_) => Ok(Tagged::Other("it is not a valid index")),
        }
    }
}

/// Referrers are for no platform, and the manifests of an image are.
fn is_of_an_image(index: &Index) -> bool {
    let manifests = &index.manifests;
    !manifests.is_empty() && manifests.iter().all(|manifest| manifest.platform.is_some())
}

fn edited(
    index: &Document<Index>,
    list: Vec<Descriptor>,
    action: &str,
) -> Result<AnyDocument, Error> {
    let edited = index.edit(|index| index.manifests = list);
    edited.map(AnyDocument::Index).map_err(|source| {
        Error::new(ErrorKind::Document, action)
            .because("the index of referrers cannot be written")
            .with_source(source)
    })
}
