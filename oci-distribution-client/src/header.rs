//! The HTTP headers that a registry speaks in, as pure parsers.
//!
//! They take text that a stranger wrote, so none of them panics or fails: what is not understood is
//! absent from the result.

mod challenge;
mod link;
mod range;
mod retry_after;
mod warning;

pub use challenge::Challenge;
pub use link::next_link;
pub use range::{ContentRange, uploaded};
pub use retry_after::retry_after;
pub use warning::{MAX_LENGTH as MAX_WARNING_LENGTH, warnings};

/// Reads a quoted string whose opening quote is gone: its text, and what follows the closing quote.
/// An unclosed one reaches to the end.
fn unquote(input: &str) -> (String, &str) {
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
