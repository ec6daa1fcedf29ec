use std::collections::BTreeMap;
use std::fmt;

use oci_image::json::Value;

use super::{Candidate, Refusal};
use crate::transport::BoxFuture;

/// What a [`PolicyFile`](super::PolicyFile) demands of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// Nothing.
    InsecureAcceptAnything,
    /// What no image has.
    Reject,
    /// A signature, which a [`Verifier`] looks for.
    Signed(SignedRequirement),
}

/// A requirement of the type `signedBy` or `sigstoreSigned`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedRequirement {
    /// `signedBy` or `sigstoreSigned`.
    pub kind: String,
    /// Its other members as they are in the file: `keyPath`, `signedIdentity` and so on. A verifier refuses those that
    /// it does not know.
    pub members: BTreeMap<String, Value>,
}

/// Looks for the signatures that a [`PolicyFile`](super::PolicyFile) demands.
pub trait Verifier: fmt::Debug + Send + Sync + 'static {
    /// Whether `candidate` is signed as `requirement` demands.
    ///
    /// # Errors
    /// Why not, or that the requirement is not understood.
    fn verify<'a>(
        &'a self,
        requirement: &'a SignedRequirement,
        candidate: &'a Candidate<'a>,
    ) -> BoxFuture<'a, Result<(), Refusal>>;
}

impl Requirement {
    /// Reads one element of a list of requirements.
    pub(super) fn read(value: Value) -> Result<Self, String> {
        let Value::Object(mut members) = value else {
            return Err("it is not an object".to_owned());
        };
        let Some(Value::String(kind)) = members.remove("type") else {
            return Err("it has no `type`".to_owned());
        };
        let without_members = |requirement| match members.keys().next() {
            None => Ok(requirement),
            Some(name) => Err(format!("`{}` is not a member of `{kind}`", name.escape_debug())),
        };
        match kind.as_str() {
            "insecureAcceptAnything" => without_members(Self::InsecureAcceptAnything),
            "reject" => without_members(Self::Reject),
            "signedBy" | "sigstoreSigned" => Ok(Self::Signed(SignedRequirement { kind, members })),
            other => Err(format!("`{}` is not a type of requirements", other.escape_debug())),
        }
    }
}
