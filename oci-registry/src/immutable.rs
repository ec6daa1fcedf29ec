use oci_image::{RepositoryName, Tag};

use crate::Action;
use crate::Grant;

/// Tags that name what they name for good.
#[derive(Clone, Debug)]
pub(crate) struct Immutable {
    repositories: Grant,
    tags: String,
}

impl Immutable {
    /// The tags `tags` of the repositories `repositories`, both patterns.
    pub(crate) fn new(repositories: String, tags: String) -> Self {
        Self { repositories: Grant::new(repositories, [Action::Push]), tags }
    }

    pub(crate) fn covers(&self, name: &RepositoryName, tag: &Tag) -> bool {
        let is_tag = match self.tags.strip_suffix('*') {
            Some(prefix) => tag.as_str().starts_with(prefix),
            None => tag.as_str() == self.tags,
        };
        is_tag && self.repositories.allows(Action::Push, name)
    }
}
