//! What may be used: asked about each manifest before anything of it is.

mod file;
mod requirement;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use oci_image::{AnyDocument, Descriptor, MediaType, TagOrDigest};

use crate::error::{Error, ErrorKind};
use crate::repository::Repository;
use crate::transport::BoxFuture;

pub use file::PolicyFile;
pub use requirement::{Requirement, SignedRequirement, Verifier};

/// Decides what may be used of what registries have: see [`Config::policy`](crate::Config::policy).
///
/// It is asked about what a tag or digest is resolved to, before [`Repository::resolve`] gives it out, and about each
/// manifest and index that is read, before [`Repository::manifest`] does; so by whatever stands on these:
/// [`Resolved::platform`](crate::Resolved::platform), a pull, a copy, and what
/// [`blocking`](Repository::blocking) code reads. It is asked about digests, and nothing but the content of these digests
/// is used then, whatever a tag means by that time. Nothing is remembered: a policy is asked about one manifest as
/// often as that is read. What is pushed is not asked about, nor are single blobs.
///
/// ```
/// use oci_distribution_client::transport::BoxFuture;
/// use oci_distribution_client::{Candidate, Client, Config, Policy, Refusal};
///
/// /// Only what has a bill of materials.
/// #[derive(Debug)]
/// struct Documented;
///
/// impl Policy for Documented {
///     fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
///         Box::pin(async move {
///             let spdx = "application/spdx+json".into();
///             match candidate.referrers(Some(&spdx)).await?.is_empty() {
///                 true => Err("it has no bill of materials".into()),
///                 false => Ok(()),
///             }
///         })
///     }
/// }
///
/// let client = Client::new(Config::default().policy(Documented))?;
/// # Ok::<(), oci_distribution_client::Error>(())
/// ```
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// Whether `candidate` may be used.
    ///
    /// # Errors
    /// Why not; it becomes the source of an error of kind [`Policy`](ErrorKind::Policy). An [`Error`] of this crate,
    /// of a request that was made to decide, gives that error its own kind.
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>>;
}

/// Why a policy refuses.
pub type Refusal = Box<dyn StdError + Send + Sync>;

impl<P: Policy + ?Sized> Policy for Arc<P> {
    fn check<'a>(&'a self, candidate: &'a Candidate<'a>) -> BoxFuture<'a, Result<(), Refusal>> {
        (**self).check(candidate)
    }
}

/// What a policy is asked about: a manifest or index of a repository.
#[derive(Debug)]
pub struct Candidate<'a> {
    repository: Repository,
    descriptor: &'a Descriptor,
    manifest: Option<&'a AnyDocument>,
}

impl Candidate<'_> {
    /// Where it is, by the name that the user gave, not that of a mirror. What is read by this handle is read without
    /// asking policies.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag or digest that it was resolved from, or that the index was which it is in; or else its own digest.
    pub fn name(&self) -> TagOrDigest {
        match self.repository.resolved_from() {
            Some(name) => name.clone(),
            None => self.descriptor.digest.clone().into(),
        }
    }

    /// What names it.
    pub fn descriptor(&self) -> &Descriptor {
        self.descriptor
    }

    /// Its content, verified; it is fetched if it is not there yet.
    ///
    /// # Errors
    /// As [`Repository::manifest`].
    pub async fn manifest(&self) -> Result<AnyDocument, Error> {
        match self.manifest {
            Some(manifest) => Ok(manifest.clone()),
            None => self.repository.manifest_anywhere(self.descriptor).await,
        }
    }

    /// The manifests that refer to it, such as its signatures, of the type `artifact_type` if that is given.
    ///
    /// # Errors
    /// As [`Repository::referrers`].
    pub async fn referrers(
        &self,
        artifact_type: Option<&MediaType>,
    ) -> Result<Vec<Descriptor>, Error> {
        self.repository.referrers(&self.descriptor.digest, artifact_type).await
    }
}

impl Repository {
    /// Whether all policies let `descriptor` be used, whose content is `manifest` if that was read.
    pub(crate) async fn allow(
        &self,
        descriptor: &Descriptor,
        manifest: Option<&AnyDocument>,
        action: &str,
    ) -> Result<(), Error> {
        if self.is_exempt || self.shared.policies.is_empty() {
            return Ok(());
        }
        let mut repository = self.clone();
        repository.is_exempt = true;
        let candidate = Candidate { repository, descriptor, manifest };
        for policy in &self.shared.policies {
            policy.check(&candidate).await.map_err(|refusal| {
                let kind = refusal.downcast_ref().map_or(ErrorKind::Policy, Error::kind);
                let reason = format!("the policy does not allow `{}`", descriptor.digest);
                Error::new(kind, action).because(reason).with_source(refusal)
            })?;
        }
        Ok(())
    }
}
