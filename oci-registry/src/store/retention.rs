use std::time::Duration;

/// Which content stays when a store is [collected](crate::Store::collect).
///
/// Whatever the rules, what was written or asked for within the [time of grace](crate::Store::grace) stays.
///
/// ```
/// use std::time::Duration;
/// use oci_registry::store::{Retention, Rule};
///
/// // Of the tags that begin with `ci-`, the last ten stay, and those of the last week.
/// let week = Duration::from_secs(7 * 24 * 60 * 60);
/// let retention = Retention::new().rule(Rule::new("team/*", "ci-*").newest(10).younger_than(week));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Retention {
    /// The rules; of those that match a tag, the first holds. A tag that none matches stays.
    pub rules: Vec<Rule>,
    /// What keeps a manifest with a subject that no tag names.
    pub referrers: Referrers,
}

/// What keeps a manifest that has a subject, such as a signature, and that neither a tag nor an index names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Referrers {
    /// Its subject, if that stays.
    #[default]
    WithSubject,
    /// Nothing.
    Unkept,
}

/// Which tags of some repositories stay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// The repositories, as a pattern: `*` is any text, also with slashes.
    pub repositories: String,
    /// The tags, as a pattern: `*` is any text.
    pub tags: String,
    /// How many of the tags stay, those that were pushed last. Default 0.
    pub newest: usize,
    /// How long each tag stays after it was pushed. Default 0.
    pub younger_than: Duration,
}

impl Retention {
    /// All tags stay, what they name, and what has that for its subject.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// What keeps a manifest with a subject.
    pub fn referrers(mut self, referrers: Referrers) -> Self {
        self.referrers = referrers;
        self
    }
}

impl Rule {
    /// No tag that matches stays.
    pub fn new(repositories: impl Into<String>, tags: impl Into<String>) -> Self {
        let (repositories, tags) = (repositories.into(), tags.into());
        Self { repositories, tags, newest: 0, younger_than: Duration::ZERO }
    }

    /// So many of the tags stay, those that were pushed last.
    pub fn newest(mut self, newest: usize) -> Self {
        self.newest = newest;
        self
    }

    /// Tags that were pushed within this time stay.
    pub fn younger_than(mut self, age: Duration) -> Self {
        self.younger_than = age;
        self
    }
}

/// Whether text is such; `*` is any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("v1", "v1", true),
            ("v1", "v12", false),
            ("*", "", true),
            ("v*", "v", true),
            ("v*", "w", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a/b/b/c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*ab*ab", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
