/// The entity tags that a request compares with that of the content which is there now: the value of
/// `If-Match` or `If-None-Match` ([RFC 9110]).
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-if-match
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityTags {
    /// `*`: any content.
    Any,
    /// These, each as it is written: `"opaque"`, or `W/"opaque"` for a weak one.
    Listed(Vec<String>),
}

impl EntityTags {
    /// Reads the value of a header; several values of one header are joined with commas before. What cannot be
    /// understood is left out, so it matches nothing.
    pub fn parse(value: &str) -> Self {
        if value.trim_ascii() == "*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = value;
        while let Some(start) = rest.find('"') {
            let is_weak = rest[..start].ends_with("W/");
            let Some(length) = rest[start + 1..].find('"') else { break };
            let opaque = &rest[start..start + length + 2];
            tags.push(if is_weak { format!("W/{opaque}") } else { opaque.to_owned() });
            rest = &rest[start + length + 2..];
        }
        Self::Listed(tags)
    }

    /// Whether `current`, the entity tag of the content that is there, is among them by the strong comparison, that
    /// of `If-Match`: a weak one never is.
    pub fn match_strongly(&self, current: Option<&str>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Listed(tags), Some(current)) => {
                is_strong_entity_tag(current) && tags.iter().any(|tag| tag == current)
            }
        }
    }

    /// Whether `current` is among them by the weak comparison, that of `If-None-Match`.
    pub fn match_weakly(&self, current: Option<&str>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Listed(tags), Some(current)) => {
                tags.iter().any(|tag| opaque(tag) == opaque(current))
            }
        }
    }
}

/// Whether an entity tag is a strong one: only such a one can be matched by `If-Match`.
pub fn is_strong_entity_tag(entity_tag: &str) -> bool {
    entity_tag.starts_with('"')
}

fn opaque(entity_tag: &str) -> &str {
    entity_tag.strip_prefix("W/").unwrap_or(entity_tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_compared_strongly_or_weakly() {
        // The value, the current tag, and whether it is among them strongly and weakly.
        let table = [
            ("*", Some("\"a\""), true, true),
            (" * ", Some("W/\"a\""), true, true),
            ("*", None, false, false),
            ("\"a\"", Some("\"a\""), true, true),
            ("\"a\"", Some("\"b\""), false, false),
            ("\"a\"", None, false, false),
            ("\"b\", \"a\"", Some("\"a\""), true, true),
            ("\"b\",\"a\"", Some("\"a\""), true, true),
            ("W/\"a\"", Some("\"a\""), false, true),
            ("\"a\"", Some("W/\"a\""), false, true),
            ("W/\"a\"", Some("W/\"a\""), false, true),
            ("\"b,a\"", Some("\"a\""), false, false),
            ("\"b,a\"", Some("\"b,a\""), true, true),
            ("a", Some("a"), false, false),
            ("\"a", Some("\"a\""), false, false),
            ("", Some("\"a\""), false, false),
            ("\"\"", Some("\"\""), true, true),
        ];
        for (value, current, strongly, weakly) in table {
            let tags = EntityTags::parse(value);
            assert_eq!(tags.match_strongly(current), strongly, "{value} {current:?}");
            assert_eq!(tags.match_weakly(current), weakly, "{value} {current:?}");
        }
    }

    proptest! {
        #[test]
        fn each_tag_of_any_value_matches_it(value in "[ -~]{0,40}") {
            if let EntityTags::Listed(tags) = EntityTags::parse(&value) {
                for tag in &tags {
                    let read = EntityTags::parse(&value);
                    prop_assert!(read.match_weakly(Some(tag)), "{}", tag);
                    prop_assert_eq!(read.match_strongly(Some(tag)), is_strong_entity_tag(tag));
                }
            }
        }
    }
}
