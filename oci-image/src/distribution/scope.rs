use std::collections::BTreeSet;
use std::fmt;

use crate::RepositoryName;

/// Actions on a repository, as tokens are asked for and challenges ask for them:
/// `repository:NAME:ACTION,ACTION`.
///
/// ```
/// use oci_image::distribution::Scope;
///
/// let scope = Scope::parse("repository:team/app:push,pull").unwrap();
/// assert_eq!(scope.to_string(), "repository:team/app:pull,push");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Scope {
    /// The repository.
    pub repository: RepositoryName,
    /// The actions: `pull`, `push`, `delete`, `*`, or those that others define.
    pub actions: BTreeSet<String>,
}

impl Scope {
    /// These actions on a repository.
    pub fn new<'a>(repository: RepositoryName, actions: impl IntoIterator<Item = &'a str>) -> Self {
        Self { repository, actions: actions.into_iter().map(str::to_owned).collect() }
    }

    /// Reads one scope; one of another kind of resource is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        Some(Self::new(name.parse().ok()?, actions.split(',')))
    }

    /// Whether all that `other` allows is allowed by this.
    pub fn covers(&self, other: &Self) -> bool {
        self.repository == other.repository && other.actions.is_subset(&self.actions)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repository:{}:", self.repository)?;
        let mut separator = "";
        for action in &self.actions {
            write!(f, "{separator}{action}")?;
            separator = ",";
        }
        Ok(())
    }
}
