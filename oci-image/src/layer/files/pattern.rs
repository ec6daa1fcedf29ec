use crate::layer::EntryPath;

/// A pattern of paths in an image.
///
/// `*` stands for any bytes of one name, `?` for one byte, and a name `**` for any number of names. All
/// else stands for itself. A path is matched as a whole, from the root on.
///
/// ```
/// use oci_image::layer::PathPattern;
///
/// let pattern = PathPattern::new("usr/**/*.so");
/// assert!(pattern.matches(&"usr/lib/x/y.so".parse()?));
/// assert!(pattern.matches(&"usr/y.so".parse()?));
/// assert!(!pattern.matches(&"opt/y.so".parse()?));
/// # Ok::<(), oci_image::layer::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    names: Vec<Vec<u8>>,
}

impl PathPattern {
    /// Any bytes are a pattern. Slashes at its beginning and end, and names `.`, mean nothing.
    pub fn new(pattern: impl AsRef<[u8]>) -> Self {
        let names = pattern.as_ref().split(|byte| *byte == b'/');
        let names = names.filter(|name| !matches!(*name, b"" | b"."));
        Self { names: names.map(<[u8]>::to_vec).collect() }
    }

    /// Whether a path matches.
    pub fn matches(&self, path: &EntryPath) -> bool {
        let names: Vec<_> = path.components().collect();
        is_match(
            &self.names,
            &names,
            |pattern| pattern == b"**",
            |pattern, name| {
                let same = |wanted: &u8, found: &u8| *wanted == b'?' || wanted == found;
                is_match(pattern, name, |wanted| *wanted == b'*', same)
            },
        )
    }
}

/// Whether a list matches a pattern, in which some parts stand for any number of others.
///
/// Of those only the last one passed is ever tried again, so it takes no longer than the product of
/// the lengths.
fn is_match<P, T>(
    pattern: &[P],
    list: &[T],
    is_any: impl Fn(&P) -> bool,
    is_same: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut place, mut at) = (0, 0);
    let mut again = None;
    while at < list.len() {
        match pattern.get(place) {
            Some(part) if is_any(part) => {
                again = Some((place, at));
                place += 1;
            }
            Some(part) if is_same(part, &list[at]) => (place, at) = (place + 1, at + 1),
            _ => match again {
                Some((any, taken)) => {
                    again = Some((any, taken + 1));
                    (place, at) = (any + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[place..].iter().all(is_any)
}
