use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use oci_image::RepositoryName;
use oci_image::distribution::Scope;

/// What a token must allow: actions on repositories, and what a challenge asked for beside them.
///
/// Equal needs have equal text, so the text is the key of the token cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    repositories: BTreeMap<RepositoryName, Scope>,
    others: BTreeSet<String>,
}

/// What is to be done in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
    Delete,
}

impl Scopes {
    pub(crate) fn of(repository: &RepositoryName, access: Access) -> Self {
        Self::default().and(repository, access)
    }

    pub(crate) fn and(mut self, repository: &RepositoryName, access: Access) -> Self {
        let actions: &[&str] = match access {
            Access::Pull => &["pull"],
            Access::Push => &["pull", "push"],
            Access::Delete => &["delete", "pull", "push"],
        };
        let scope = self.repositories.entry(repository.clone());
        let scope = scope.or_insert_with(|| Scope::new(repository.clone(), []));
        scope.actions.extend(actions.iter().map(|action| (*action).to_owned()));
        self
    }

    /// These, and the space-separated ones of a challenge that are not among them.
    pub(crate) fn and_challenged(mut self, scopes: &str) -> Self {
        for asked in scopes.split_ascii_whitespace() {
            let is_covered = Scope::parse(asked)
                .is_some_and(|asked| self.repositories.values().any(|own| own.covers(&asked)));
            if !is_covered {
                self.others.insert(asked.to_owned());
            }
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = String> + '_ {
        self.repositories.values().map(Scope::to_string).chain(self.others.iter().cloned())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.iter().collect();
        f.write_str(&all.join(" "))
    }
}
