//! Versions and ranges of them, as `images-by-semver` has them: those of Masterminds' semver, which skopeo uses.

use std::cmp::Ordering;
use std::str::FromStr;

/// A version: `v1.2.3-rc.1+build`, whose missing numbers are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    /// What is behind the `-`; empty for a release.
    pre: String,
}

/// Versions that are wanted: one of several sets of bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range(Vec<Vec<Bound>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    version: Version,
    /// How many numbers were given: 0 for `*`, 2 for `1.2` and `1.2.x`.
    given: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

/// The longer ones first.
const OPERATORS: [(&str, Operator); 12] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("=>", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=<", Operator::AtMost),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::Equal),
];

impl Range {
    /// Whether a tag is a version within the range.
    pub(super) fn has(&self, tag: &str) -> bool {
        let Some((version, 1..)) = version(tag) else {
            return false;
        };
        self.0.iter().any(|bounds| bounds.iter().all(|bound| bound.has(&version)))
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bounds = text.split("||").map(bounds).collect::<Option<_>>();
        bounds.map(Self).ok_or_else(|| format!("`{text}` is not a range of versions"))
    }
}

impl Bound {
    fn has(&self, version: &Version) -> bool {
        // Who does not name pre-releases gets none.
        if !version.pre.is_empty() && self.version.pre.is_empty() {
            return false;
        }
        let order = version.cmp(&self.version);
        let same = |count: usize| {
            version.numbers.iter().zip(self.version.numbers).take(count).all(|(a, b)| *a == b)
        };
        match self.operator {
            Operator::Equal if self.given == 3 => order == Ordering::Equal,
            Operator::Equal => same(self.given),
            Operator::NotEqual if self.given == 3 => order != Ordering::Equal,
            Operator::NotEqual => !same(self.given),
            Operator::Greater => {
                order == Ordering::Greater && (self.given == 3 || !same(self.given))
            }
            Operator::Less => order == Ordering::Less,
            Operator::AtLeast => order != Ordering::Less,
            Operator::AtMost => order != Ordering::Greater || (self.given < 3 && same(self.given)),
            Operator::Tilde => order != Ordering::Less && same(self.given.min(2)),
            Operator::Caret => {
                let zeros = self.version.numbers.iter().take(self.given).take_while(|it| **it == 0);
                order != Ordering::Less && same((zeros.count() + 1).min(self.given))
            }
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&*self.pre, &*other.pre) {
            (one, other) if one == other => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (one, other) => one.split('.').map(Part::of).cmp(other.split('.').map(Part::of)),
        })
    }
}

/// A part of a pre-release; numbers are before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Number(u64),
    Word(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        text.parse().map_or(Self::Word(text), Self::Number)
    }
}

/// Bounds behind each other, all of which hold: `>= 1.2, < 2`, or `1.2 - 1.4`.
fn bounds(text: &str) -> Option<Vec<Bound>> {
    let mut bounds = Vec::new();
    for part in text.split(',') {
        if let Some((from, to)) = part.split_once(" - ") {
            bounds.push(bound(Operator::AtLeast, from)?);
            bounds.push(bound(Operator::AtMost, to)?);
            continue;
        }
        let mut rest = part.trim();
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let (sign, operator) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign))?;
            let behind = rest.get(sign.len()..)?.trim_start();
            let end = behind.find(|it: char| it.is_whitespace() || "<>=!~^".contains(it));
            let (version, next) = behind.split_at(end.unwrap_or(behind.len()));
            bounds.push(bound(*operator, version)?);
            rest = next.trim_start();
        }
    }
    Some(bounds)
}

fn bound(operator: Operator, text: &str) -> Option<Bound> {
    let (version, given) = version(text.trim())?;
    Some(Bound { operator, version, given })
}

/// A version, and how many of its numbers are given.
fn version(text: &str) -> Option<(Version, usize)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    let (core, pre) = text.split_once('-').unwrap_or((text, ""));
    if text.ends_with('-') || pre.split('.').any(str::is_empty) != pre.is_empty() {
        return None;
    }
    let (mut numbers, mut given, mut is_open) = ([0; 3], 0, false);
    for (at, part) in core.split('.').enumerate() {
        let number = numbers.get_mut(at)?;
        if ["x", "X", "*"].contains(&part) {
            is_open = true;
        } else if !part.bytes().all(|it| it.is_ascii_digit()) || is_open {
            return None;
        } else {
            *number = part.parse().ok()?;
            given = at + 1;
        }
    }
    Some((Version { numbers, pre: pre.to_owned() }, given))
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn ranges_have_the_versions_that_they_name() {
        let tags = [
            "0.2.3",
            "0.3.0",
            "1",
            "v1.2",
            "1.2.3",
            "1.2.4-rc.1",
            "1.4.0",
            "2.0.0",
            "latest",
            "1.2.3.4",
            "*",
        ];
        for (range, wanted) in [
            ("*", &["0.2.3", "0.3.0", "1", "v1.2", "1.2.3", "1.4.0", "2.0.0"][..]),
            ("1.2.3", &["1.2.3"]),
            ("= 1.2", &["v1.2", "1.2.3"]),
            ("1.x", &["1", "v1.2", "1.2.3", "1.4.0"]),
            ("!=1", &["0.2.3", "0.3.0", "2.0.0"]),
            (">1", &["2.0.0"]),
            (">1.2.3", &["1.4.0", "2.0.0"]),
            (">= 1.2, < 2", &["v1.2", "1.2.3", "1.4.0"]),
            (">=1.2 <1.4.0", &["v1.2", "1.2.3"]),
            ("<=1.2", &["0.2.3", "0.3.0", "1", "v1.2", "1.2.3"]),
            ("1.2 - 1.4", &["v1.2", "1.2.3", "1.4.0"]),
            ("~1.2", &["v1.2", "1.2.3"]),
            ("~1", &["1", "v1.2", "1.2.3", "1.4.0"]),
            ("^1.2", &["v1.2", "1.2.3", "1.4.0"]),
            ("^0.2", &["0.2.3"]),
            ("^0.3.0 || 2.0.0", &["0.3.0", "2.0.0"]),
            ("~1.2.3-0", &["1.2.3", "1.2.4-rc.1"]),
            (">=1.2.4-rc.1 <1.3-0", &["1.2.4-rc.1"]),
        ] {
            let parsed: Range = range.parse().unwrap();
            let found: Vec<_> = tags.into_iter().filter(|tag| parsed.has(tag)).collect();
            assert_eq!(found, wanted, "{range}");
        }
    }

    #[test]
    fn pre_releases_are_ordered_by_their_parts() {
        let order = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-beta",
            "1.0.0",
        ];
        for pair in order.windows(2) {
            let [lower, higher] = pair else { unreachable!() };
            assert!(format!(">{lower}").parse::<Range>().unwrap().has(higher), "{pair:?}");
        }
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for text in [
            "",
            "||",
            "1.2,",
            ">",
            "one",
            "1..2",
            "1.2.3.4",
            "1.x.3",
            "1.2.3-",
            "1.2.3-a..b",
            "> >= 1",
        ] {
            text.parse::<Range>().unwrap_err();
        }
    }
}
