use super::quoted::{quote, unquote};

/// The value of a `Warning` header with the code 299 and this text, which is printable ASCII.
pub fn warning(text: &str) -> String {
    format!("299 - {}", quote(text))
}

/// The texts of the warnings with code 299 in the value of a `Warning` header.
///
/// They are the server's words, not printable for certain, and may be as long as the header.
pub fn warnings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(quote) = rest.find('"') {
        let head = rest[..quote].trim_start_matches([',', ' ', '\t']);
        let is_299 = head.split_ascii_whitespace().next() == Some("299");
        let (text, after) = unquote(&rest[quote + 1..]);
        if is_299 && !text.is_empty() {
            found.push(text);
        }
        // A date may follow the text.
        rest = after.find(',').map_or("", |comma| &after[comma..]);
    }
    found
}
