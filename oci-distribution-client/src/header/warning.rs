/// The texts of the warnings with code 299 in the value of a `Warning` header.
///
/// Each is printable and at most [`MAX_LENGTH`] bytes long, so it can be shown to a user.
pub fn warnings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(quote) = rest.find('"') {
        let head = rest[..quote].trim_start_matches([',', ' ', '\t']);
        let is_299 = head.split_ascii_whitespace().next() == Some("299");
        let (text, after) = super::unquote(&rest[quote + 1..]);
        if is_299 && !text.is_empty() {
            found.push(crate::text::printable(&text, MAX_LENGTH));
        }
        // A date may follow the text.
        rest = after.find(',').map_or("", |comma| &after[comma..]);
    }
    found
}

/// The longest text of a warning that is kept, in bytes.
pub const MAX_LENGTH: usize = 4096;
