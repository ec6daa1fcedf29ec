//! Percent-encoding (RFC 3986), read strictly.

/// The text that `encoded` stands for, or `None` if an escape is broken or it is not UTF-8.
pub fn decode(encoded: &str) -> Option<String> {
    let mut parts = encoded.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (escape, rest) = part.as_bytes().split_at_checked(2)?;
        let [high, low] = escape else { return None };
        bytes.push((digit(*high)? << 4) | digit(*low)?);
        bytes.extend_from_slice(rest);
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `text` for use in a query: everything but letters, digits and `-._~:/` escaped.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' => encoded.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_broken_escapes() {
        for broken in ["%", "a%2", "%zz", "%%30", "%ff", "%+1"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn decode_inverts_encode(text in ".*") {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }

        #[test]
        fn decode_never_panics(text in "[%0-9a-fA-Fé]*") {
            let _ = decode(&text);
        }
    }
}
