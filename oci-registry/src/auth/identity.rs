use std::net::IpAddr;

use http::request;
use oci_image::distribution::ErrorCode;

use super::{Challenge, Grant, Scheme};
use crate::Peer;
use crate::access::{Access, Caller, Denied};
use crate::places::Owner;
use crate::refusal::Refusal;

use super::Need;

/// The caller, as far as the registry can know it, and what its credentials are good for.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) caller: Caller,
    grants: Vec<Grant>,
    /// It has shown credentials, and they were right.
    known: bool,
    /// Who is to be charged for what it makes the server keep.
    pub(crate) owner: Owner,
    /// What to answer when it may not.
    challenge: Option<Challenge>,
}

impl Identity {
    /// A caller where there is no authentication.
    pub(crate) fn anybody(head: &request::Parts) -> Self {
        let (peer, grants) = (Peer::of(head), vec![Grant::all("*")]);
        let (caller, owner) = (Caller::new(None, peer), Owner::anonymous(peer));
        Self { caller, grants, known: true, owner, challenge: None }
    }

    /// The registry itself, which asks for what it serves to others.
    pub(crate) fn own() -> Self {
        let (caller, owner) = (Caller::new(None, None), Owner::anonymous(None));
        Self { caller, grants: Vec::new(), known: true, owner, challenge: None }
    }

    pub(super) fn anonymous(
        peer: Option<IpAddr>,
        grants: Vec<Grant>,
        challenge: Option<Challenge>,
    ) -> Self {
        let (caller, owner) = (Caller::new(None, peer), Owner::anonymous(peer));
        Self { caller, grants, known: false, owner, challenge }
    }

    /// Whose credentials were right. A token may be of nobody.
    pub(super) fn known(
        user: Option<String>,
        peer: Option<IpAddr>,
        grants: Vec<Grant>,
        challenge: Option<Challenge>,
    ) -> Self {
        let owner = user.clone().map_or_else(|| Owner::anonymous(peer), Owner::User);
        let caller = Caller::new(user, peer);
        Self { caller, grants, known: true, owner, challenge }
    }

    /// Whether what it showed is good for this.
    pub(crate) fn is_granted(&self, access: Access<'_>) -> bool {
        self.grants.iter().any(|grant| grant.allows(access.action, access.repository))
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    /// What to answer if it may not do what it needs to do.
    pub(crate) fn refusal(&self, need: Need<'_>, denied: &Denied) -> Refusal {
        match &self.challenge {
            Some(challenge) if !self.known => challenge.refusal(Some(need), None),
            // More may be granted to a token for more.
            Some(challenge) if challenge.scheme == Scheme::Bearer && denied.is_ungranted => {
                challenge.refusal(Some(need), Some("insufficient_scope"))
            }
            _ => Refusal::new(ErrorCode::Denied, denied.to_string()),
        }
    }
}
