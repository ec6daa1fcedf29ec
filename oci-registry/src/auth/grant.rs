use oci_image::RepositoryName;
use oci_image::distribution::Scope;

use crate::access::Access;

/// What can be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Read blobs, manifests, tags and referrers; mount from it.
    Pull,
    /// Write blobs and manifests, and set tags; mount into it.
    Push,
    /// Delete tags, manifests and blobs.
    Delete,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// Its name in scopes: `pull`, `push` or `delete`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// What a client is told to ask for: a push first looks for what is there.
    pub(crate) fn asks_for(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["pull"],
            Self::Push => &["pull", "push"],
            Self::Delete => &["delete"],
        }
    }
}

/// Actions on the repositories of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pattern: String,
    actions: Vec<Action>,
}

impl Grant {
    /// Some actions on the repository `pattern`; on those below `a` if it is `a/*`; on all if it is `*`.
    pub fn new(pattern: impl Into<String>, actions: impl IntoIterator<Item = Action>) -> Self {
        Self { pattern: pattern.into(), actions: actions.into_iter().collect() }
    }

    /// All actions on the repositories of `pattern`.
    pub fn all(pattern: impl Into<String>) -> Self {
        Self::new(pattern, Action::ALL)
    }

    pub(crate) fn allows(&self, action: Action, repository: &RepositoryName) -> bool {
        self.actions.contains(&action) && self.covers(repository.as_str())
    }

    #[cfg(feature = "jwt")]
    /// The scope of a token.
    pub(crate) fn to_scope(&self) -> serde_json::Value {
        let actions: Vec<_> = self.actions.iter().map(|action| action.name()).collect();
        serde_json::json!({"type": "repository", "name": self.pattern, "actions": actions})
    }

    fn covers(&self, repository: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some("") => true,
            Some(prefix) => prefix.ends_with('/') && repository.starts_with(prefix),
            None => self.pattern == repository,
        }
    }
}

/// What a request needs to be let through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need<'a> {
    Nothing,
    /// Known credentials: what is listed is only what their owner may see.
    Identity,
    Access(Action, &'a RepositoryName),
    /// To push; who may not is told to ask for what it takes to mount, too.
    Mount {
        to: &'a RepositoryName,
        from: &'a RepositoryName,
    },
}

impl<'a> Need<'a> {
    /// What must be granted.
    pub(crate) fn access(self) -> Option<Access<'a>> {
        match self {
            Self::Nothing | Self::Identity => None,
            Self::Access(action, repository) => Some(Access::new(action, repository)),
            Self::Mount { to, .. } => Some(Access::new(Action::Push, to)),
        }
    }

    /// The scopes that a client is told to ask for, separated by spaces.
    pub(crate) fn scopes(self) -> Option<String> {
        let scope = |it: Access<'_>| {
            Scope::new(it.repository.clone(), it.action.asks_for().iter().copied()).to_string()
        };
        let needed = scope(self.access()?);
        Some(match self {
            Self::Mount { to, from } if to != from => {
                format!("{needed} {}", scope(Access::new(Action::Pull, from)))
            }
            _ => needed,
        })
    }
}
