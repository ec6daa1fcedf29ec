use std::fmt;

/// A point in time, to the nanosecond.
///
/// Its value is `seconds` after 1970-01-01T00:00:00Z plus `nanoseconds`; the nanoseconds count
/// forwards before 1970 too, so half a second before it is `-1` and `500_000_000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self { seconds: 0, nanoseconds: 0 };

    /// A point in time; `None` if `nanoseconds` is a second or more.
    pub const fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        match nanoseconds < 1_000_000_000 {
            true => Some(Self { seconds, nanoseconds }),
            false => None,
        }
    }

    /// A point in time at a whole second.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`seconds`](Self::seconds).
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Reads a PAX time: decimal seconds with a sign and a fraction if need be. Digits after the
    /// ninth of the fraction are dropped.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
            Some(point) => (&text[..point], &text[point + 1..]),
            None => (text, &[][..]),
        };
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let whole = decimal(whole)?;
        let nanoseconds = (0..9).fold(0, |value, place| {
            value * 10 + fraction.get(place).map_or(0, |digit| u32::from(digit - b'0'))
        });
        if !negative {
            return Some(Self { seconds: i64::try_from(whole).ok()?, nanoseconds });
        }
        let seconds = 0_i64.checked_sub_unsigned(whole)?;
        match nanoseconds {
            0 => Some(Self { seconds, nanoseconds }),
            _ => Some(Self {
                seconds: seconds.checked_sub(1)?,
                nanoseconds: 1_000_000_000 - nanoseconds,
            }),
        }
    }
}

/// The number that decimal digits, and nothing else, write.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Seconds with as many digits of the fraction as are needed, as PAX headers have it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, seconds, nanoseconds) = match (self.seconds < 0, self.nanoseconds) {
            (true, 0) => ("-", self.seconds.unsigned_abs(), 0),
            (true, after) => ("-", (self.seconds + 1).unsigned_abs(), 1_000_000_000 - after),
            (false, after) => ("", self.seconds.unsigned_abs(), after),
        };
        write!(f, "{sign}{seconds}")?;
        if nanoseconds == 0 {
            return Ok(());
        }
        let digits = format!("{nanoseconds:09}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}
