//! The query of a URL, and forms, as lists of pairs.

use oci_image::distribution::percent;

/// Names and values in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// These names and values.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs = pairs.into_iter();
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Reads `a=1&b=2`. A `+` is a plus: media types have some, and nothing here has a space.
    /// `None` if an escape is broken.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Option<_>>().map(Self)
    }

    /// Reads the body of a form, where a `+` is a space.
    pub(crate) fn parse_form(text: &str) -> Option<Self> {
        Self::parse(&text.replace('+', " "))
    }

    /// The first value of this name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Some((percent::decode(name)?, percent::decode(value)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_pluses_order_and_repetitions() {
        let query = Query::parse("tag=b&artifactType=a/b+json&tag=a&&flag").unwrap();
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(query.first("artifactType"), Some("a/b+json"));
        assert_eq!(query.first("flag"), Some(""));
        assert_eq!(query.first("absent"), None);
        assert_eq!(Query::parse_form("a=b+c%2B").unwrap().first("a"), Some("b c+"));
        assert_eq!(Query::parse("a=%f"), None);
    }

    proptest! {
        #[test]
        fn finds_what_was_encoded(name in "[a-z]{1,8}", value in ".*") {
            let query = Query::parse(&format!("{name}={}", percent::encode(&value))).unwrap();
            prop_assert_eq!(query.first(&name), Some(value.as_str()));
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = (Query::parse(&text), Query::parse_form(&text));
        }
    }
}
