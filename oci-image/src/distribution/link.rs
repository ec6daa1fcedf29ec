use super::quoted::unquote;

/// The value of a `Link` header that leads to the next page, which is at `target`: a path or URL without
/// `>`.
pub fn next_link(target: &str) -> String {
    format!("<{target}>; rel=\"next\"")
}

/// The target of the first link with the relation `next` in the value of a `Link` header.
///
/// The target is returned as written: it may be relative, and it may point anywhere.
pub fn target_of_next(value: &str) -> Option<&str> {
    let mut rest = value;
    loop {
        let start = rest.find('<')? + 1;
        let length = rest[start..].find('>')?;
        let target = &rest[start..start + length];
        rest = &rest[start + length + 1..];
        let (is_next, after) = relation_is_next(rest);
        if is_next {
            return Some(target);
        }
        rest = after;
    }
}

/// Reads the parameters of one link: whether `rel` has the word `next`, and what follows the link.
fn relation_is_next(mut rest: &str) -> (bool, &str) {
    let mut is_next = false;
    loop {
        rest = rest.trim_ascii_start();
        let Some(parameter) = rest.strip_prefix(';') else {
            return (is_next, rest.strip_prefix(',').unwrap_or(rest));
        };
        let end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let name = parameter[..end].trim_ascii();
        rest = &parameter[end..];
        let Some(value) = rest.strip_prefix('=') else { continue };
        let value = value.trim_ascii_start();
        let text = match value.strip_prefix('"') {
            Some(quoted) => {
                let (text, after) = unquote(quoted);
                rest = after;
                text
            }
            None => {
                let end = value.find([';', ',']).unwrap_or(value.len());
                rest = &value[end..];
                value[..end].trim_ascii().to_owned()
            }
        };
        if name.eq_ignore_ascii_case("rel") {
            is_next |= text.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"));
        }
    }
}
