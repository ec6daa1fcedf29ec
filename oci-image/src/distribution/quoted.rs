//! Quoted strings of HTTP ([RFC 9110]).
//!
//! [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-quoted-strings

/// Reads a quoted string whose opening quote is gone: its text, and what follows the closing quote.
/// An unclosed one reaches to the end.
pub(super) fn unquote(input: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = input.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &input[at + 1..]),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    (text, "")
}

/// `text` in quotes.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
