//! Changes of single members in the text of a login file: all else stays as it is, byte for byte.

use std::ops::Range;

/// `json`, an object, with `value` for the member `name` in its member `section`, which is made if it is missing.
/// `None` if `json` is not an object.
pub(crate) fn set(json: &str, section: &str, name: &str, value: &str) -> Option<String> {
    let root = Object::at(json, 0)?;
    let Some(found) = root.members.iter().rfind(|member| member.name == section) else {
        let inner = format!("{{\n\t\t{}: {value}\n\t}}", quoted(name));
        return Some(root.with(json, section, &inner, 1));
    };
    let Some(object) = Object::at(json, found.value.start) else {
        let inner = format!("{{\n\t\t{}: {value}\n\t}}", quoted(name));
        return Some(spliced(json, found.value.clone(), &inner));
    };
    let known: Vec<_> = object.members.iter().filter(|member| member.name == name).collect();
    if known.is_empty() {
        return Some(object.with(json, name, value, 2));
    }
    // From the end, so that the places before stay right. A name may be there twice, each time with a secret.
    let changed = known
        .iter()
        .rev()
        .fold(json.to_owned(), |text, member| spliced(&text, member.value.clone(), value));
    Some(changed)
}

/// `json`, an object, without those members of its member `section` whose name is to go; `None` if there are none.
pub(crate) fn without(json: &str, section: &str, goes: impl Fn(&str) -> bool) -> Option<String> {
    let root = Object::at(json, 0)?;
    let found = root.members.iter().rfind(|member| member.name == section)?;
    let object = Object::at(json, found.value.start)?;
    let (gone, kept): (Vec<_>, Vec<_>) =
        object.members.iter().partition(|member| goes(&member.name));
    if gone.is_empty() {
        return None;
    }
    let kept: Vec<_> = kept.iter().map(|member| &json[member.whole.clone()]).collect();
    let inside = &json[object.inside.clone()];
    let start = inside.len() - inside.trim_ascii_start().len();
    let end = inside.trim_ascii_end().len();
    let inside = match kept.is_empty() {
        true => String::new(),
        false => {
            let between = object.separator(json);
            format!("{}{}{}", &inside[..start], kept.join(&between), &inside[end..])
        }
    };
    Some(spliced(json, object.inside, &inside))
}

/// An object in a text of valid JSON.
struct Object {
    /// Between the braces.
    inside: Range<usize>,
    members: Vec<Member>,
}

struct Member {
    name: String,
    /// From the quote before the name to the end of the value.
    whole: Range<usize>,
    value: Range<usize>,
}

impl Object {
    /// The object that begins at `start`, but for space; `None` if something else does.
    fn at(json: &str, start: usize) -> Option<Self> {
        let start = after_space(json, start);
        let mut at = after(json, start, b'{')?;
        let begin = at;
        let mut members = Vec::new();
        loop {
            at = after_space(json, at);
            match json.as_bytes().get(at)? {
                b'}' => return Some(Self { inside: begin..at, members }),
                b',' => at += 1,
                _ => {
                    let member = Member::at(json, at)?;
                    at = member.whole.end;
                    members.push(member);
                }
            }
        }
    }

    /// `json` with one more member in this object, which is `depth` objects deep.
    fn with(&self, json: &str, name: &str, value: &str, depth: usize) -> String {
        let member = format!("{}: {value}", quoted(name));
        match self.members.last() {
            Some(last) => {
                let more = format!("{}{member}", self.separator(json));
                spliced(json, last.whole.end..last.whole.end, &more)
            }
            None => {
                let (outer, inner) = ("\t".repeat(depth - 1), "\t".repeat(depth));
                spliced(json, self.inside.clone(), &format!("\n{inner}{member}\n{outer}"))
            }
        }
    }

    /// The comma between two members, and the space after it by what stands before the first.
    fn separator(&self, json: &str) -> String {
        let first = self.members.first().map_or(self.inside.start, |first| first.whole.start);
        format!(",{}", &json[self.inside.start..first])
    }
}

impl Member {
    fn at(json: &str, start: usize) -> Option<Self> {
        let name_end = end_of_text(json, start)?;
        let colon = after(json, after_space(json, name_end), b':')?;
        let begin = after_space(json, colon);
        let end = end_of_value(json, begin)?;
        let name = serde_json::from_str(json.get(start..name_end)?).ok()?;
        Some(Self { name, whole: start..end, value: begin..end })
    }
}

/// The position after `byte`, if that is at `at`.
fn after(json: &str, at: usize, byte: u8) -> Option<usize> {
    (json.as_bytes().get(at) == Some(&byte)).then_some(at + 1)
}

fn after_space(json: &str, at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    json.len() - rest.trim_ascii_start().len()
}

/// The end of the text whose opening quote is at `start`.
fn end_of_text(json: &str, start: usize) -> Option<usize> {
    let mut at = after(json, start, b'"')?;
    loop {
        match json.as_bytes().get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn end_of_value(json: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        at = match json.as_bytes().get(at)? {
            b'"' => end_of_text(json, at)?,
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at + 1
            }
            _ if depth > 0 => at + 1,
            _ => {
                let rest = json.get(at..)?;
                let end = rest.find([',', '}', ']', ' ', '\t', '\r', '\n']);
                return Some(at + end.unwrap_or(rest.len()));
            }
        };
        if depth == 0 {
            return Some(at);
        }
    }
}

fn spliced(text: &str, place: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..place.start], &text[place.end..])
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn one_entry_changes_and_nothing_else_does() {
        let (name, value) = ("b", "{}");
        let table = [
            ("{}", "{\n\t\"auths\": {\n\t\t\"b\": {}\n\t}\n}"),
            ("{ \"x\":1 }", "{ \"x\":1, \"auths\": {\n\t\t\"b\": {}\n\t} }"),
            ("{\"auths\":null}", "{\"auths\":{\n\t\t\"b\": {}\n\t}}"),
            ("{\"auths\": { } ,\"x\":1.0}", "{\"auths\": {\n\t\t\"b\": {}\n\t} ,\"x\":1.0}"),
            ("{\"auths\":{\"a\":{}}}", "{\"auths\":{\"a\":{},\"b\": {}}}"),
            ("{\"auths\":{\n  \"a\":{}\n}}", "{\"auths\":{\n  \"a\":{},\n  \"b\": {}\n}}"),
            ("{\"auths\":{\"\\u0062\" : 5 }}", "{\"auths\":{\"\\u0062\" : {} }}"),
            ("{\"auths\":{\"b\":1,\"b\":2}}", "{\"auths\":{\"b\":{},\"b\":{}}}"),
            ("{\"auths\":{\"b\":{\"q\":\"\\\"}\"}}}", "{\"auths\":{\"b\":{}}}"),
        ];
        for (before, expected) in table {
            assert_eq!(set(before, "auths", name, value).as_deref(), Some(expected), "{before}");
        }
        for before in ["[]", "null", "5", "\"{\""] {
            assert_eq!(set(before, "auths", name, value), None, "{before}");
        }
    }

    #[test]
    fn what_goes_takes_its_comma_along() {
        let table = [
            ("{\"auths\":{\"b\":1}}", Some("{\"auths\":{}}")),
            ("{\"auths\":{ \"a\":1, \"b\":2 }}", Some("{\"auths\":{ \"a\":1 }}")),
            ("{\"auths\":{\n\t\"b\":1,\n\t\"a\" : 2\n}}", Some("{\"auths\":{\n\t\"a\" : 2\n}}")),
            ("{\"auths\":{\"a\":1,\"b\":2,\"c\":3}}", Some("{\"auths\":{\"a\":1,\"c\":3}}")),
            ("{\"auths\":{\"b\":1,\"b\":2}}", Some("{\"auths\":{}}")),
            ("{\"auths\":{\"a\":1}}", None),
            ("{\"auths\":null}", None),
            ("{\"b\":1}", None),
        ];
        for (before, expected) in table {
            let after = without(before, "auths", |name| name == "b");
            assert_eq!(after.as_deref(), expected, "{before}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i16>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
            "[\\\\\"{},: a\u{e9}\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[\\\\\"{},:ab]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_entry_that_is_set_and_removed_leaves_the_rest(
            rest in json(),
            auths in json(),
            name in "[\\\\\"{},:ab]{0,3}",
            value in json(),
            is_pretty in any::<bool>(),
        ) {
            let mut before = Map::from_iter([("x".to_owned(), rest), ("auths".to_owned(), auths)]);
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&before).unwrap(),
                false => serde_json::to_string(&before).unwrap(),
            };
            let set = set(&text, "auths", &name, &value.to_string()).unwrap();
            let read: Map<String, Value> = serde_json::from_str(&set).unwrap();
            let mut auths = before["auths"].as_object().cloned().unwrap_or_default();
            auths.insert(name.clone(), value);
            before.insert("auths".to_owned(), auths.clone().into());
            prop_assert_eq!(&read, &before);

            let removed = without(&set, "auths", |other| other == name).unwrap();
            let read: Map<String, Value> = serde_json::from_str(&removed).unwrap();
            auths.remove(&name);
            before.insert("auths".to_owned(), auths.into());
            prop_assert_eq!(&read, &before);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[{}\\[\\]\"\\\\:, abu1.e\u{e9}-]{0,40}") {
            let _ = set(&text, "a", "b", "1");
            let _ = without(&text, "a", |name| name == "b");
        }
    }
}
