/// Whether `text` is a date and time by RFC 3339, section 5.6.
pub fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_at_checked(10) else { return false };
    let Some(time) = time.strip_prefix(['T', 't', ' ']) else { return false };
    let Some((clock, rest)) = time.split_at_checked(8) else { return false };
    is_date(date) && is_clock(clock) && is_offset(after_fraction(rest))
}

fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [4, 2, 2]) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_clock(text: &str) -> bool {
    // Second 60 is a leap second; when they were is not checked.
    let Some([hour, minute, second]) = numbers(text, ':', [2, 2, 2]) else { return false };
    hour < 24 && minute < 60 && second <= 60
}

/// What stands after a fraction of a second, if there is one.
fn after_fraction(text: &str) -> &str {
    let Some(digits) = text.strip_prefix('.') else { return text };
    let rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if rest.len() == digits.len() { text } else { rest }
}

fn is_offset(text: &str) -> bool {
    match text.strip_prefix(['+', '-']) {
        None => matches!(text, "Z" | "z"),
        Some(offset) => {
            numbers(offset, ':', [2, 2]).is_some_and(|[hours, minutes]| hours < 24 && minutes < 60)
        }
    }
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut found = [0; N];
    let mut parts = text.split(separator);
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::is_date_time;

    #[test]
    fn dates_and_times_are_those_of_rfc_3339() {
        for good in [
            "1985-04-12T23:20:50.52Z",
            "1996-12-19T16:39:57-08:00",
            "1990-12-31T23:59:60Z",
            "1937-01-01T12:00:27.87+00:20",
            "2015-10-31T22:22:56.015925234Z",
            "2000-02-29t00:00:00z",
            "2024-02-29 00:00:00+23:59",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "",
            "2015-10-31",
            "2015-10-31T22:22:56",
            "2015-10-31T22:22Z",
            "1900-02-29T00:00:00Z",
            "2015-13-01T00:00:00Z",
            "2015-00-01T00:00:00Z",
            "2015-04-31T00:00:00Z",
            "2015-04-00T00:00:00Z",
            "2015-10-31T24:00:00Z",
            "2015-10-31T23:60:00Z",
            "2015-10-31T23:59:61Z",
            "2015-10-31T23:59:59.Z",
            "2015-10-31T23:59:59+24:00",
            "2015-10-31T23:59:59+0100",
            "2015-10-31T23:59:59+1:00",
            "2015-10-31T23:59:59Zx",
            "+015-10-31T23:59:59Z",
            "Sat, 31 Oct 2015 22:22:56 GMT",
            "2015-10-31T\u{e9}",
            "é015-10-31T23:59:59Z",
            "2015-10-31_23:59:59Z",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }
}
