use std::cmp::Ordering;

use oci_image::validate::Findings;

/// Reports a text that is not a version by SemVer 2.0.0.
pub(super) fn check(findings: &mut Findings, id: &'static str, text: &str) {
    if Version::parse(text).is_none() {
        findings.error(id, format!("`{text}` is not a version by SemVer 2.0.0"));
    }
}

/// A version by [SemVer 2.0.0], without its build metadata.
///
/// [SemVer 2.0.0]: https://semver.org/spec/v2.0.0.html
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version<'a> {
    core: [Number<'a>; 3],
    pre: Option<Vec<Part<'a>>>,
}

/// Digits without leading zeros: of any length, so compared as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number<'a>(&'a str);

/// A part of a pre-release. Numbers come before words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Number(Number<'a>),
    Word(&'a str),
}

impl<'a> Version<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (text, build) = split(text, '+');
        let (core, pre) = split(text, '-');
        if !build.is_none_or(|build| build.split('.').all(is_word)) {
            return None;
        }
        let mut numbers = core.split('.').map(Number::parse);
        let core = [numbers.next()??, numbers.next()??, numbers.next()??];
        if numbers.next().is_some() {
            return None;
        }
        let pre = match pre {
            None => None,
            Some(pre) => Some(pre.split('.').map(Part::parse).collect::<Option<_>>()?),
        };
        Some(Self { core, pre })
    }
}

impl Version<'_> {
    /// Whether both are of one major version, which keeps its promises.
    pub(crate) fn is_compatible(&self, other: &Self) -> bool {
        self.core.first() == other.core.first()
    }
}

impl<'a> Number<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && (text == "0" || !text.starts_with('0'))).then_some(Self(text))
    }
}

impl<'a> Part<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Number::parse(text).map(Self::Number);
        }
        is_word(text).then_some(Self::Word(text))
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.core.cmp(&other.core).then_with(|| match (&self.pre, &other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => one.cmp(two),
        })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_order_as_semver_says() {
        let order = [
            "0.1.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.2.0",
            "1.10.0",
            "99999999999999999999.0.0",
        ];
        let parsed: Vec<_> = order.iter().map(|text| Version::parse(text).unwrap()).collect();
        assert!(parsed.is_sorted() && parsed.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(Version::parse("1.0.0+a").unwrap(), Version::parse("1.0.0+b.01").unwrap());
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0+",
            "1.0.0-a..b",
            "1.0.0-é",
            " 1.0.0",
            "1.0.-1",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        for text in ["1.0.0--", "1.0.0-0a", "1.0.0-a+001", "1.0.2-dev", "1.1.0-rc.2"] {
            assert!(Version::parse(text).is_some(), "{text}");
        }
    }
}
