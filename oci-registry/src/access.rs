//! The one point at which requests are let through.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use oci_image::RepositoryName;

use crate::Action;
use crate::auth::{Identity, Need};
use crate::call::Asked;
use crate::refusal::Refusal;

mod rules;

pub use rules::{Rule, Rules};

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The user whose credentials it has shown; none if it is anonymous.
    pub user: Option<String>,
    /// The address of the client, if it is known.
    pub peer: Option<IpAddr>,
}

/// What a caller is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access<'a> {
    /// What it does.
    pub action: Action,
    /// Where it does it.
    pub repository: &'a RepositoryName,
}

/// Decides who may do what, beside what credentials are good for ([`Grant`](crate::Grant)): both must allow it.
///
/// It is asked for each request for a repository, for the source of each mount, for each scope of a token that is asked
/// for, and for each repository that a list would show. It must not block. A closure is one; so are [`Rules`].
pub trait Authorize: Send + Sync + 'static {
    /// Whether `caller` may.
    ///
    /// # Errors
    /// Why it may not, which the client is told.
    fn authorize(&self, caller: &Caller, access: Access<'_>) -> Result<(), Denied>;
}

impl<F> Authorize for F
where
    F: Fn(&Caller, Access<'_>) -> Result<(), Denied> + Send + Sync + 'static,
{
    fn authorize(&self, caller: &Caller, access: Access<'_>) -> Result<(), Denied> {
        self(caller, access)
    }
}

/// Why a caller may not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denied {
    reason: Cow<'static, str>,
    /// Other credentials may be good for it.
    pub(crate) is_ungranted: bool,
}

impl Denied {
    /// Denied for this reason, a clause such as "the project is archived".
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), is_ungranted: false }
    }

    fn ungranted() -> Self {
        Self { is_ungranted: true, ..Self::new("you may not do this here") }
    }
}

/// A decision on a request, for an audit log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// The path that was asked for, without its query.
    pub path: &'a str,
    /// Who asked.
    pub caller: &'a Caller,
    /// What for; nothing if that is not a repository.
    pub access: Option<Access<'a>>,
    /// Why not; nothing if it was allowed.
    pub denied: Option<&'a Denied>,
}

/// A listener to decisions.
type OnDecision = dyn Fn(&Decision<'_>) + Send + Sync;

/// Where all decisions are made.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    rules: Vec<Arc<dyn Authorize>>,
    on_decision: Option<Arc<OnDecision>>,
}

impl Gate {
    pub(crate) fn add(&mut self, rules: impl Authorize) {
        self.rules.push(Arc::new(rules));
    }

    pub(crate) fn listen(&mut self, listener: impl Fn(&Decision<'_>) + Send + Sync + 'static) {
        self.on_decision = Some(Arc::new(listener));
    }

    /// Lets a request through, or not: every route says what it needs.
    pub(crate) fn require(
        &self,
        asked: Asked<'_>,
        identity: &Identity,
        need: Need<'_>,
    ) -> Result<(), Refusal> {
        let result = match need.access() {
            Some(access) => self.decide(asked, identity, access),
            None => {
                let is_enough = matches!(need, Need::Nothing) || identity.is_known();
                let result = if is_enough { Ok(()) } else { Err(Denied::ungranted()) };
                self.tell(asked, &identity.caller, None, result.as_ref().err());
                result
            }
        };
        result.map_err(|denied| identity.refusal(need, &denied))
    }

    /// A decision that is told.
    pub(crate) fn decide(
        &self,
        asked: Asked<'_>,
        identity: &Identity,
        access: Access<'_>,
    ) -> Result<(), Denied> {
        let result = self.allows(identity, access);
        self.tell(asked, &identity.caller, Some(access), result.as_ref().err());
        result
    }

    /// Whether what the caller showed is good for this, and all rules allow it.
    pub(crate) fn allows(&self, identity: &Identity, access: Access<'_>) -> Result<(), Denied> {
        if !identity.is_granted(access) {
            return Err(Denied::ungranted());
        }
        self.rules.iter().try_for_each(|rules| rules.authorize(&identity.caller, access))
    }

    /// Credentials were wrong.
    pub(crate) fn refused(&self, asked: Asked<'_>, peer: Option<IpAddr>) {
        let denied = Denied::new("the credentials are not right");
        self.tell(asked, &Caller::new(None, peer), None, Some(&denied));
    }

    fn tell(
        &self,
        asked: Asked<'_>,
        caller: &Caller,
        access: Option<Access<'_>>,
        denied: Option<&Denied>,
    ) {
        if let Some(listener) = &self.on_decision {
            let Asked { method, path } = asked;
            listener(&Decision { method, path, caller, access, denied });
        }
    }
}

impl Caller {
    pub(crate) fn new(user: Option<String>, peer: Option<IpAddr>) -> Self {
        Self { user, peer }
    }
}

impl<'a> Access<'a> {
    pub(crate) fn new(action: Action, repository: &'a RepositoryName) -> Self {
        Self { action, repository }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}
