//! Numbers of bytes on the command line.

use crate::Result;

/// Bytes, or a number with a binary unit such as `32M`, `1.5g` or `512KiB`; -1 is unlimited.
pub(crate) fn parse(text: &str) -> Result<i64> {
    let wrong = || format!("`{text}` is not a number of bytes such as 512k, 32M or 1g, or -1");
    if text == "-1" {
        return Ok(-1);
    }
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|char: char| !char.is_ascii_digit());
    let unit = lower.get(digits.len()..).unwrap_or_default().trim();
    let shift = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" if !unit.starts_with('i') => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return Err(wrong().into()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let bytes = number
        * f64::from(1u32 << (shift % 30))
        * if shift >= 30 { f64::from(1u32 << 30) } else { 1.0 };
    if number < 0.0 || bytes >= i64::MAX as f64 {
        return Err(wrong().into());
    }
    Ok(bytes as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_binary_units() {
        for (text, bytes) in [
            ("-1", -1),
            ("0", 0),
            ("1000", 1000),
            ("10b", 10),
            ("1k", 1024),
            ("32M", 32 << 20),
            ("32mb", 32 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("3t", 3 << 40),
            ("1p", 1 << 50),
        ] {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "M", "x", "1x", "1ib", "-2", "1e", "9999999p", "1 2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
