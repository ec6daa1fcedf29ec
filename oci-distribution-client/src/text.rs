/// `text` as one printable line of at most `limit` bytes: what servers wrote goes to terminals.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    const MORE: char = '…';
    let text = text.trim();
    let mut line = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let character = if is_printable(character) { character } else { ' ' };
        if line.len() + character.len_utf8() + MORE.len_utf8() > limit {
            line.push(MORE);
            break;
        }
        line.push(character);
    }
    line
}

/// Neither a control character nor one that turns the direction of text.
fn is_printable(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    !character.is_control() && !turns
}
