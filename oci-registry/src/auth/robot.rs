use std::fmt;
use std::time::SystemTime;

use oci_digest::Digest;

use super::Grant;

/// An account of a program: a secret of its own, rights of its own, and an end.
///
/// ```
/// use oci_registry::{Action, Auth, Grant, Robot};
///
/// let secret = oci_digest::Digest::sha256("what `openssl rand -hex 32` printed");
/// let ci = Robot::new("robot$ci", secret, [Grant::new("team/*", [Action::Pull, Action::Push])]);
/// let auth = Auth::bearer().robot(ci);
/// ```
#[derive(Clone)]
pub struct Robot {
    pub(super) name: String,
    secret: Digest,
    pub(super) grants: Vec<Grant>,
    expires: Option<SystemTime>,
}

impl Robot {
    /// An account that does not end. The secret is given by its digest, so that no file needs to hold it: it is random
    /// and long, so its digest says nothing about it.
    pub fn new(
        name: impl Into<String>,
        secret: Digest,
        grants: impl IntoIterator<Item = Grant>,
    ) -> Self {
        let (name, grants) = (name.into(), grants.into_iter().collect());
        Self { name, secret, grants, expires: None }
    }

    /// Lets it in until `time` alone. Tokens that it has by then end by themselves ([`Auth::token_age`](super::Auth::token_age)).
    #[must_use]
    pub fn expires(mut self, time: SystemTime) -> Self {
        self.expires = Some(time);
        self
    }

    pub(super) fn has_expired(&self) -> bool {
        self.expires.is_some_and(|expires| SystemTime::now() >= expires)
    }

    /// Whether the secret is right and the account has not ended.
    pub(super) fn is_let_in(&self, secret: &Digest) -> bool {
        self.secret == *secret && !self.has_expired()
    }
}

/// Shows no secret.
impl fmt::Debug for Robot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robot")
            .field("name", &self.name)
            .field("grants", &self.grants)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
