//! One header block of a tar archive, read strictly.

use super::{Defect, Device};

pub(crate) const BLOCK: usize = 512;

/// A header whose checksum, format and numbers are good.
///
/// All numbers are checked, needed or not: one that cannot be read is an error for some parsers,
/// and the end of the archive for Python.
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    format: Format,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: u64,
    pub(super) mtime: i64,
    device: [Option<u32>; 2],
}

/// What stands where ustar has the beginning of a name and the numbers of a device.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Just these: ustar, PAX and Schily's star.
    Ustar,
    /// GNU's: the numbers alone.
    Gnu,
    /// Nothing: the oldest one, which is whatever has none of their signs.
    Oldest,
}

impl<'a> Header<'a> {
    pub(super) fn parse(block: &'a [u8; BLOCK]) -> Result<Self, Defect> {
        let written = octal(&block[148..156]).ok_or(Defect::Checksum)?;
        if written != checksum(block) {
            return Err(Defect::Checksum);
        }
        Ok(Self {
            block,
            format: format(block)?,
            mode: small(&block[100..108], "mode")?,
            uid: unsigned(&block[108..116], "uid")?,
            gid: unsigned(&block[116..124], "gid")?,
            size: unsigned(&block[124..136], "size")?,
            mtime: number(&block[136..148]).ok_or(Defect::Number("mtime"))?,
            device: [
                device_number(&block[329..337], "devmajor")?,
                device_number(&block[337..345], "devminor")?,
            ],
        })
    }

    pub(super) fn entry_type(&self) -> u8 {
        self.block[156]
    }

    /// The numbers of a device. The oldest format has none, where Python reads some all the same.
    pub(super) fn device(&self) -> Result<Device, Defect> {
        match self.device {
            [Some(0), Some(0)] => Ok(Device { major: 0, minor: 0 }),
            _ if self.format == Format::Oldest => Err(Defect::Type(self.entry_type())),
            [Some(major), Some(minor)] => Ok(Device { major, minor }),
            [None, _] => Err(Defect::Number("devmajor")),
            [_, None] => Err(Defect::Number("devminor")),
        }
    }

    pub(super) fn prefix(&self) -> &'a [u8] {
        match self.format {
            Format::Ustar => text(&self.block[345..500]),
            Format::Gnu | Format::Oldest => b"",
        }
    }

    pub(super) fn name(&self) -> &'a [u8] {
        text(&self.block[..100])
    }

    pub(super) fn link(&self) -> &'a [u8] {
        text(&self.block[157..257])
    }
}

fn small(field: &[u8], name: &'static str) -> Result<u32, Defect> {
    unsigned(field, name)?.try_into().map_err(|_| Defect::Number(name))
}

fn unsigned(field: &[u8], name: &'static str) -> Result<u64, Defect> {
    let value = number(field).ok_or(Defect::Number(name))?;
    value.try_into().map_err(|_| Defect::Number(name))
}

/// A number of a device; `None` where it can be one only of what is not a device: blank or negative.
fn device_number(field: &[u8], name: &'static str) -> Result<Option<u32>, Defect> {
    match number(field) {
        Some(value) => Ok(value.try_into().ok()),
        None if field.iter().all(|byte| matches!(byte, b' ' | 0)) => Ok(None),
        None => Err(Defect::Number(name)),
    }
}

/// Python takes the field for a prefix in every format, so it has to be empty where it is not one.
fn format(block: &[u8; BLOCK]) -> Result<Format, Defect> {
    let format = match &block[257..265] {
        [b'u', b's', b't', b'a', b'r', 0, ..] => Format::Ustar,
        b"ustar  \0" => Format::Gnu,
        _ => Format::Oldest,
    };
    let is_empty = block[345] == 0;
    let is_star = format == Format::Ustar && &block[508..] == b"tar\0";
    match format != Format::Ustar && !is_empty || is_star && !is_common_star(block) {
        true => Err(Defect::Prefix),
        false => Ok(format),
    }
}

/// Schily's star has a shorter prefix, and times after it that Go refuses if they are not numbers.
fn is_common_star(block: &[u8; BLOCK]) -> bool {
    let [prefix, atime, ctime] = [&block[345..476], &block[476..488], &block[488..500]];
    prefix.contains(&0) && number(atime).is_some() && number(ctime).is_some()
}

/// The sum of all bytes, the checksum's own taken as spaces.
pub(crate) fn checksum(block: &[u8; BLOCK]) -> u64 {
    let all: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let own: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
    all - own + 8 * u64::from(b' ')
}

/// What stands before the first NUL byte, as all parsers read a text.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or(field)
}

/// A number in octal digits or in GNU's base 256.
fn number(field: &[u8]) -> Option<i64> {
    match field.first()? {
        0x80 | 0xff => base_256(field),
        _ => octal(field)?.try_into().ok(),
    }
}

/// Spaces, octal digits, then only spaces and NUL bytes. A NUL byte at the beginning is zero to some, and
/// nothing to others, so only zero may follow.
fn octal(field: &[u8]) -> Option<u64> {
    if field.first() == Some(&0) {
        let zeros = field.iter().skip_while(|byte| **byte == 0);
        return zeros.skip_while(|byte| **byte == b'0').all(|byte| *byte == 0).then_some(0);
    }
    let start = field.iter().position(|byte| *byte != b' ')?;
    let digits = &field[start..];
    let length = digits.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let (digits, rest) = digits.split_at(length);
    if digits.is_empty() || !rest.iter().all(|byte| matches!(byte, b' ' | 0)) {
        return None;
    }
    digits
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(8)?.checked_add(u64::from(digit - b'0')))
}

/// A first byte of 0x80 or 0xff, then a big-endian number, in two's complement after 0xff.
fn base_256(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    let fill = if *first == 0xff { 0xff } else { 0 };
    let split = rest.len().saturating_sub(8);
    let (high, low) = rest.split_at(split);
    if high.iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut bytes = [fill; 8];
    bytes[8 - low.len()..].copy_from_slice(low);
    let value = i64::from_be_bytes(bytes);
    ((value < 0) == (fill == 0xff)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_octal_as_all_parsers_do_or_not_at_all() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b" 644   \0", Some(0o644)),
            (b"0644 \0\0\0", Some(0o644)),
            (b"77777777", Some(0o77777777)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", None),
            (b"\x00000644\0", None),
            (b"\x00000000\0", Some(0)),
            (b"\0\x00000\0\x000", None),
            (b"0648\0\0\0\0", None),
            (b"06\x00448\0\0", None),
            (b"+000644\0", None),
            (b"-000644\0", None),
            (b"0o644\0\0\0", None),
            (b"0_644\0\0\0", None),
            (b"777777777777777777777777", None),
        ] {
            assert_eq!(octal(field), value, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn reads_base_256_within_63_bits() {
        for (field, value) in [
            (&b"\x80\0\0\0\0\0\0\0\0\0\0\x01"[..], Some(1)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0", None),
            (b"\x80\0\0\0\0\0\x02\0", Some(512)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x81\0\0\0\0\0\0\x01", None),
        ] {
            assert_eq!(number(field), value, "{}", field.escape_ascii());
        }
    }
}
