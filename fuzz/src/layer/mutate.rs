//! Changes to an archive that most parsers survive: the checksums and the lengths of records stay right.

use crate::random::Random;

const BLOCK: usize = 512;

/// The fields that decide how an archive is read: where each begins, and its length.
const FIELDS: &[(usize, usize)] = &[
    (0, 100),
    (100, 8),
    (108, 8),
    (116, 8),
    (124, 12),
    (136, 12),
    (156, 1),
    (157, 100),
    (257, 8),
    (329, 8),
    (337, 8),
    (345, 155),
    (500, 12),
];

const KEYS: &[&str] = &[
    "atime",
    "charset",
    "comment",
    "ctime",
    "gid",
    "gname",
    "GNU.dumpdir",
    "GNU.sparse.name",
    "GNU.volume.filename",
    "GNU.volume.label",
    "GNU.volume.offset",
    "GNU.volume.size",
    "hdrcharset",
    "LIBARCHIVE.creationtime",
    "LIBARCHIVE.symlinktype",
    "LIBARCHIVE.xattr.user.a",
    "linkpath",
    "MSWINDOWS.rawsd",
    "mtime",
    "path",
    "realtime.a",
    "RHT.security.selinux",
    "SCHILY.acl.access",
    "SCHILY.dev",
    "SCHILY.devmajor",
    "SCHILY.fflags",
    "SCHILY.filetype",
    "SCHILY.ino",
    "SCHILY.xattr.user.a",
    "size",
    "uid",
    "uname",
];

const VALUES: &[&[u8]] = &[
    b"",
    b"0",
    b"1",
    b"5",
    b"00",
    b"010",
    b"512",
    b"1024",
    b"4294967294",
    b"9223372036854775807",
    b"-1",
    b"-0",
    b"1.5",
    b"-0.5",
    b"1.",
    b"1e3",
    b"a",
    b"a/",
    b"/",
    b"//",
    b".",
    b"./",
    b"./a",
    b"/a/",
    b"a//b",
    b".wh.a",
    b".wh..wh..opq",
    b"BINARY",
    b"ISO-IR 10646 2000 UTF-8",
    b"a\nb",
    b"a\n6 c=d",
    b"a=b",
    b"\xff",
    b"\xc3\xa4",
    b" ",
    b" 1",
    b"\0",
    b"ustar\x0000",
    b"ustar  \0",
    b"\x80\0\0\0\0\0\0\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"tar\0",
];

const BYTES: &[u8] = b"\0\0 /.01257xgLK=\n-+\x80\xff";

/// Changes an archive a little.
pub fn mutate(archive: &mut Vec<u8>, random: &mut Random) {
    archive.resize(archive.len().next_multiple_of(BLOCK).max(BLOCK), 0);
    for _ in 0..=random.below(3) {
        let blocks = archive.len() / BLOCK;
        let at = random.below(blocks) * BLOCK;
        match random.below(12) {
            0 => drop(archive.splice(at..at, record_header(random))),
            1 => drop(archive.splice(at..at, long_header(random))),
            2 => {
                let from = random.below(blocks) * BLOCK;
                let copy = archive[from..from + BLOCK].to_vec();
                drop(archive.splice(at..at, copy));
            }
            3 if blocks > 1 => drop(archive.drain(at..at + BLOCK)),
            4 => drop(archive.splice(at..at, [0; BLOCK])),
            5 | 6 => change_records(archive, at, random),
            _ => change_field(&mut archive[at..at + BLOCK], random),
        }
    }
}

/// Repairs the checksum of a block.
pub(super) fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn change_field(block: &mut [u8], random: &mut Random) {
    let is_header = block[148..156].iter().any(|byte| *byte != 0);
    let (start, length) = FIELDS[random.below(FIELDS.len())];
    let field = &mut block[start..start + length];
    match random.below(3) {
        0 => {
            field.fill(0);
            let value = random.pick(VALUES);
            let length = value.len().min(length);
            field[..length].copy_from_slice(&value[..length]);
        }
        1 => field[random.below(length)] ^= 1 << random.below(8),
        _ => field[random.below(length)] = *random.pick(BYTES),
    }
    if is_header {
        seal(block);
    }
}

/// A header of a type with its content.
fn extension(kind: u8, magic: &[u8; 8], content: &[u8]) -> Vec<u8> {
    let mut blocks = vec![0; BLOCK];
    blocks[0] = b'x';
    blocks[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    blocks[156] = kind;
    blocks[257..265].copy_from_slice(magic);
    seal(&mut blocks);
    blocks.extend_from_slice(content);
    blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
    blocks
}

fn record_header(random: &mut Random) -> Vec<u8> {
    let body: Vec<u8> = (0..=random.below(3))
        .flat_map(|_| record(random.pick(KEYS).as_bytes(), &value(random)))
        .collect();
    extension(if random.below(8) == 0 { b'g' } else { b'x' }, b"ustar\x0000", &body)
}

fn long_header(random: &mut Random) -> Vec<u8> {
    let name = [&value(random)[..], b"\0"].concat();
    extension(*random.pick(b"LK"), b"ustar  \0", &name)
}

/// A value: most are short, some longer than any field.
fn value(random: &mut Random) -> Vec<u8> {
    let value = random.pick(VALUES);
    value.repeat(if random.below(8) == 0 { 1 + random.below(200) } else { 1 })
}

fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length);
    [length.unwrap().to_string().as_bytes(), &rest].concat()
}

/// If a PAX header stands there, changes a key or a value in it.
fn change_records(archive: &mut Vec<u8>, at: usize, random: &mut Random) {
    let (kind, size) = (archive[at + 156], &archive[at + 124..at + 135]);
    let size = str::from_utf8(size).ok().and_then(|text| usize::from_str_radix(text, 8).ok());
    let Some(end) = size.and_then(|size| size.checked_add(at + BLOCK)) else { return };
    let Some(body) = archive.get(at + BLOCK..end).filter(|_| matches!(kind, b'x' | b'g')) else {
        return;
    };
    let mut records: Vec<_> = body
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = &line[line.iter().position(|byte| *byte == b' ')? + 1..];
            let equals = line.iter().position(|byte| *byte == b'=')?;
            Some((line[..equals].to_vec(), line[equals + 1..].to_vec()))
        })
        .collect();
    let chosen = random.below(records.len() + 1);
    match records.get_mut(chosen) {
        None => records.push((random.pick(KEYS).as_bytes().to_vec(), value(random))),
        Some(record) => match random.below(5) {
            0 => record.0 = random.pick(KEYS).as_bytes().to_vec(),
            1 => record.1 = value(random),
            2 => drop(records.remove(chosen)),
            _ => {
                let text = if random.below(4) == 0 { &mut record.0 } else { &mut record.1 };
                let place = random.below(text.len() + 1);
                let end = (place + random.below(2)).min(text.len());
                drop(text.splice(place..end, [*random.pick(BYTES)]));
            }
        },
    }
    let body: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
    let magic = archive[at + 257..at + 265].try_into().unwrap();
    let end = end.next_multiple_of(BLOCK).min(archive.len());
    drop(archive.splice(at..end, extension(kind, &magic, &body)));
}
