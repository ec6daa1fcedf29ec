use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a token must allow: actions on repositories, and what a challenge asked for beside them.
///
/// Equal needs have equal text, so the text is the key of the token cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    repositories: BTreeMap<String, BTreeSet<&'static str>>,
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
    pub(crate) fn of(repository: &str, access: Access) -> Self {
        Self::default().and(repository, access)
    }

    pub(crate) fn and(mut self, repository: &str, access: Access) -> Self {
        let actions: &[&'static str] = match access {
            Access::Pull => &["pull"],
            Access::Push => &["pull", "push"],
            Access::Delete => &["delete", "pull", "push"],
        };
        self.repositories.entry(repository.to_owned()).or_default().extend(actions);
        self
    }

    /// These, and the space-separated ones of a challenge that are not among them.
    pub(crate) fn and_challenged(mut self, scope: &str) -> Self {
        let own: Vec<String> = self.iter().collect();
        for asked in scope.split_ascii_whitespace() {
            if !own.iter().any(|own| covers(own, asked)) {
                self.others.insert(asked.to_owned());
            }
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = String> + '_ {
        let repositories = self.repositories.iter().map(|(repository, actions)| {
            let actions: Vec<_> = actions.iter().copied().collect();
            format!("repository:{repository}:{}", actions.join(","))
        });
        repositories.chain(self.others.iter().cloned())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.iter().collect();
        f.write_str(&all.join(" "))
    }
}

/// Whether `own` allows all that `asked` does: same resource, no action beyond.
fn covers(own: &str, asked: &str) -> bool {
    let split = |scope| str::rsplit_once(scope, ':');
    let (Some((own, own_actions)), Some((asked, asked_actions))) = (split(own), split(asked))
    else {
        return own == asked;
    };
    own == asked
        && asked_actions.split(',').all(|asked| own_actions.split(',').any(|own| own == asked))
}
