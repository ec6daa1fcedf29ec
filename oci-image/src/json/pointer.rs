/// A member's name as a step of a JSON pointer ([RFC 6901, section 3]).
///
/// [RFC 6901, section 3]: https://www.rfc-editor.org/rfc/rfc6901#section-3
pub(crate) fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
