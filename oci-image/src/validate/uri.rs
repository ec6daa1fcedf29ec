/// Whether `text` is a URI by RFC 3986: it has a scheme and no character that must be encoded.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let (hierarchy, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = hierarchy.split_once('?').unwrap_or((hierarchy, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", hierarchy),
    };
    is_scheme(scheme)
        && is_authority(authority)
        && is_encoded(path, b":@/")
        && is_encoded(query, b":@/?")
        && is_encoded(fragment, b":@/?")
}

fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_authority(text: &str) -> bool {
    let (user, place) = text.rsplit_once('@').unwrap_or(("", text));
    let (host, port) = match place.find(']') {
        Some(end) => place.split_at(end + 1),
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    is_encoded(user, b":")
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && address.map_or_else(|| is_encoded(host, b""), |address| is_encoded(address, b":"))
}

/// Whether `text` has only unreserved characters, sub-delimiters, those of `more`, and encoded ones.
fn is_encoded(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let right = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => {
                byte.is_ascii_alphanumeric()
                    || b"-._~!$&'()*+,;=".contains(&byte)
                    || more.contains(&byte)
            }
        };
        if !right {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_uri;

    #[test]
    fn uris_are_those_of_rfc_3986() {
        for good in [
            "https://example.com/foo",
            "ftp://ftp.is.co.za/rfc/rfc1808.txt",
            "ldap://[2001:db8::7]/c=GB?objectClass?one",
            "mailto:John.Doe@example.com",
            "news:comp.infosystems.www.servers.unix",
            "tel:+1-816-555-1212",
            "telnet://192.0.2.16:80/",
            "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
            "file:///a%20b",
            "a:",
            "http://u:p@h:1/?q=a/b?c#f?/",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in [
            "",
            "value",
            "/a/b",
            "//host/path",
            ":a",
            "1a:b",
            "a b:c",
            "http://a b/",
            "http://a/ b",
            "http://a/%zz",
            "http://a/%2",
            "http://a/\u{e9}",
            "http://a/#b#c",
            "http://[::1/",
            "http://a:b/",
            "http://a/<b>",
            "http://a/\"",
            "http://a/b\n",
            "http://a/{b}",
            "http://a\\b",
            "http://a/^",
            "http://a/|",
            "http://a/[b]",
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
