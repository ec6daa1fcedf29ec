//! Archives that are broken, or that the tools of the field read differently.

use std::cell::RefCell;
use std::error::Error;

use oci_image::MediaType;
use oci_image::archive::{self, Defect, PathError};
use oci_image::layer::{Codec, Limits, MarkerDefect, ReadError, Reader};

use super::read::{list, members};
use crate::raw::{Archive, Raw};

type Case<T = Defect> = (&'static str, Archive, T);

thread_local! {
    /// What was checked in this thread, with what the reader says of it.
    static CHECKED: RefCell<Vec<Checked>> = const { RefCell::new(Vec::new()) };
}

/// An archive that is refused.
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) archive: Vec<u8>,
    pub(super) reason: String,
}

fn remember(name: &str, archive: &[u8], reason: &dyn Error) {
    let mut reason = reason.to_string();
    reason.truncate(reason.find(": ").unwrap_or(reason.len()));
    let checked =
        Checked { name: name.escape_default().to_string(), archive: archive.into(), reason };
    CHECKED.with_borrow_mut(|all| all.push(checked));
}

/// Every archive that a test in this file checks by a table.
pub(super) fn all() -> Vec<Checked> {
    for test in [
        sizes_that_differ,
        pax_records_that_are_malformed,
        pax_values_that_cannot_be_used,
        global_headers_that_describe_entries,
        two_extensions_of_one_entry,
        long_names_with_a_second_reading,
        extensions_that_continue_in_the_padding,
        sparse_files_of_every_format,
        names_that_leave_the_root,
        a_root_that_is_not_a_directory,
        markers_that_are_not_valid_entries,
        slashes_that_make_a_directory_for_some,
        entry_types_that_few_programs_know,
        formats_that_are_guessed,
        numbers_with_a_second_reading,
        numbers_that_are_not_used,
        modes_of_another_type,
    ] {
        test();
    }
    CHECKED.take()
}

fn check(cases: Vec<Case>) {
    for (name, archive, defect) in cases {
        let archive = archive.file("after", "").end();
        remember(name, &archive, &defect);
        let offset = match list(&archive) {
            Err(ReadError::Archive { offset, defect: found }) => {
                assert_eq!(found, defect, "{name}");
                offset
            }
            other => panic!("{name}: {other:?}"),
        };
        match members(&archive) {
            Err(archive::Error::Refused { offset: at, defect: found }) => {
                assert_eq!((at, found), (offset, defect), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn check_markers(cases: Vec<Case<MarkerDefect>>) {
    for (name, archive, defect) in cases {
        let archive = archive.file("after", "").end();
        match list(&archive) {
            Err(ReadError::Marker { offset: 0, defect: found }) => {
                assert_eq!(found, defect, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        // To an archive that is not a layer, it is a name like any other.
        assert_eq!(members(&archive).unwrap().len(), 2, "{name}");
    }
}

fn new() -> Archive {
    Archive::new()
}

fn record(key: &str) -> String {
    key.to_owned()
}

#[test]
fn sizes_that_differ() {
    let body = new().file("smuggled", "x").0;
    let conflict = |header, record| Defect::SizeConflict { header, record };
    check(vec![
        (
            "record larger",
            new().pax(&[("size", "1024")]).add(Raw::new("a").size(512)).bytes(&body),
            conflict(512, 1024),
        ),
        (
            "record smaller",
            new().pax(&[("size", "0")]).add(Raw::new("a").size(1024)).bytes(&body),
            conflict(1024, 0),
        ),
    ]);
}

#[test]
fn pax_records_that_are_malformed() {
    let with = |body: &str| new().with(&Raw::of(b'x', "x"), body).file("a", "");
    for body in [
        "7 a=b\n",
        "5 a=b\n",
        "06 a=b\n",
        "+6 a=b\n",
        " 6 a=b\n",
        "6  a=b\n",
        "6 a=b ",
        "6 ab=\n7 a=b\n",
        "5 =b\n",
        "5 ab\n",
        "a=b\n",
        "99999999999999999999 a=b\n",
        "18446744073709551617 a=b\n",
        "0 a=b\n",
        "3\n",
        "6 a=b\n\0\0",
        "9 a\0b=cd\n",
    ] {
        check(vec![(body, with(body), Defect::PaxRecord)]);
    }
}

/// These all read alike, but by no rule of PAX.
#[test]
fn pax_records_with_zeros_before_their_length_or_keys_of_two_lines() {
    for body in ["07 a=b\n", "8 a\nb=c\n"] {
        let found = list(&new().with(&Raw::of(b'x', "x"), body).file("a", "").end());
        let defect = match found {
            Err(ReadError::Archive { defect, .. }) => defect,
            other => panic!("{body:?}: {other:?}"),
        };
        assert_eq!(defect, Defect::PaxRecord, "{body:?}");
    }
}

#[test]
fn pax_values_that_cannot_be_used() {
    for (key, value) in [
        ("path", ""),
        ("path", "ok\0/../../pwn"),
        ("linkpath", "a\0b"),
        ("size", ""),
        ("size", "+512"),
        ("size", "-1"),
        ("size", "0x10"),
        ("size", " 5"),
        ("size", "5.0"),
        ("size", "9223372036854775808"),
        ("size", "18446744073709551616"),
        ("uid", ""),
        ("uid", "-1"),
        ("gid", "1_000"),
        ("mtime", ""),
        ("mtime", "1e9"),
        ("mtime", "."),
        ("mtime", ".5"),
        ("mtime", "1.-5"),
        ("mtime", "--1"),
        ("mtime", "9223372036854775808"),
        ("mtime", "-9223372036854775808.5"),
        ("mtime", "nan"),
        ("uname", "root\0"),
        ("gname", "\0"),
        ("atime", "."),
        ("ctime", "a"),
        ("GNU.volume.size", "."),
        ("GNU.volume.offset", "-5"),
        ("SCHILY.xattr.", "x"),
    ] {
        let archive = new().pax(&[(key, value)]).file("a", "");
        check(vec![(key, archive, Defect::PaxValue(record(key)))]);
    }
    let archive = new().pax(&[("hdrcharset", b"\xff")]).file("a", "");
    check(vec![("hdrcharset", archive, Defect::PaxValue(record("hdrcharset")))]);
}

#[test]
fn global_headers_that_describe_entries() {
    for key in [
        "path",
        "linkpath",
        "size",
        "uid",
        "gid",
        "uname",
        "gname",
        "mtime",
        "atime",
        "ctime",
        "hdrcharset",
        "SCHILY.xattr.security.capability",
        "LIBARCHIVE.xattr.user.a",
        "GNU.sparse.major",
        "GNU.volume.label",
        "MSWINDOWS.rawsd",
    ] {
        let archive = new().global(&[("comment", "good"), (key, "1")]).file("a", "");
        check(vec![(key, archive, Defect::PaxGlobal(record(key)))]);
    }
}

#[test]
fn two_extensions_of_one_entry() {
    let long = |kind, name: &str| (Raw::gnu(kind, "././@LongLink"), format!("{name}\0"));
    let (name, link) = (long(b'L', "name"), long(b'K', "link"));
    let other = long(b'L', "other");
    let path = &[("path", "other")];
    let linkpath = &[("linkpath", "other")];
    let symlink = Raw::of(b'2', "a").link("b").clone();
    check(vec![
        ("two PAX", new().pax(path).pax(&[("uid", "1")]).file("a", ""), Defect::ExtensionTwice),
        (
            "two PAX, the first of what is not used",
            new()
                .pax(&[("comment", "c")])
                .pax(&[("SCHILY.xattr.security.capability", "x")])
                .file("a", ""),
            Defect::ExtensionTwice,
        ),
        (
            "two long names",
            new().with(&name.0, &name.1).with(&other.0, &other.1).file("a", ""),
            Defect::ExtensionTwice,
        ),
        ("long, PAX", new().with(&name.0, &name.1).pax(path).file("a", ""), Defect::ExtensionTwice),
        ("PAX, long", new().pax(path).with(&name.0, &name.1).file("a", ""), Defect::ExtensionTwice),
        (
            "PAX, long link",
            new().pax(linkpath).with(&link.0, &link.1).add(&symlink),
            Defect::ExtensionTwice,
        ),
        (
            "forgotten by Go",
            new().pax(path).global(&[("comment", "")]).file("a", ""),
            Defect::ExtensionAlone,
        ),
    ]);
    for archive in [
        new().pax(path),
        new().with(&name.0, &name.1),
        new().with(&link.0, &link.1),
        new().global(&[("comment", "")]),
    ] {
        let found = list(&archive.clone().end());
        assert!(
            matches!(found, Err(ReadError::Archive { offset: 0, defect: Defect::ExtensionAlone })),
            "{found:?}"
        );
        assert!(list(&archive.0).is_err());
    }
}

#[test]
fn long_names_with_a_second_reading() {
    for body in ["\0", "", "\0a"] {
        let archive = new().with(&Raw::gnu(b'L', "././@LongLink"), body).file("a", "");
        check(vec![(body, archive, Defect::LongName)]);
    }
}

#[test]
fn extensions_that_continue_in_the_padding() {
    let extension = |kind, body: &str, padding: &str| {
        let mut raw = Raw::gnu(kind, "././@LongLink");
        raw.size(body.len() as u64);
        let kind = if kind == b'K' { b'2' } else { b'0' };
        new().add(&raw).content([body, padding].concat()).add(Raw::of(kind, "a").link("b"))
    };
    check(vec![
        ("name", extension(b'L', "name", "more"), Defect::LongName),
        ("link", extension(b'K', "link", "more"), Defect::LongName),
        ("record", extension(b'x', "6 a=b\n", "8 uid=1\n"), Defect::PaxRecord),
        ("global record", extension(b'g', "6 a=b\n", "8 uid=1\n"), Defect::PaxRecord),
    ]);
    for good in [
        extension(b'L', "a", "\0more"),
        extension(b'L', "a\0", "more"),
        extension(b'x', "10 path=a\n", "\0more"),
    ] {
        assert_eq!(list(&good.end()).unwrap()[0].0.path().as_bytes(), b"a");
    }
}

#[test]
fn sparse_files_of_every_format() {
    let mut cases =
        vec![("GNU", new().add(Raw::gnu(b'S', "a").put(483, b"20000000000\0")), Defect::Sparse)];
    for key in ["GNU.sparse.major", "GNU.sparse.size", "GNU.sparse.name"] {
        cases.push((key, new().pax(&[(key, "1099511627776")]).file("a", ""), Defect::Sparse));
    }
    check(cases);
}

#[test]
fn names_that_leave_the_root() {
    let parent = || Defect::Path(PathError::Parent);
    let link = |kind, target: &str| new().add(Raw::of(kind, "a").link(target));
    check(vec![
        ("..", new().file("../a", ""), parent()),
        ("in the middle", new().file("a/../../b", ""), parent()),
        ("inside", new().file("a/../b", ""), parent()),
        ("at the end", new().directory("a/.."), parent()),
        ("alone", new().directory(".."), parent()),
        ("absolute", new().file("/../a", ""), parent()),
        ("by PAX", new().pax(&[("path", "a/../../b")]).file("a", ""), parent()),
        ("by prefix", new().add(Raw::new("b").put(345, b"..")), parent()),
        ("by long name", new().with(&Raw::gnu(b'L', "L"), "../a\0").file("a", ""), parent()),
        ("empty", new().file("", ""), Defect::Path(PathError::Empty)),
        ("hard link", link(b'1', "../a"), Defect::HardlinkTarget(PathError::Parent)),
        ("hard link to nothing", link(b'1', ""), Defect::HardlinkTarget(PathError::Empty)),
        ("hard link to the root", link(b'1', "/"), Defect::HardlinkToRoot),
        (
            "hard link by way of a link",
            link(b'1', "b/../c"),
            Defect::HardlinkTarget(PathError::Parent),
        ),
        ("symbolic link to nothing", link(b'2', ""), Defect::SymlinkTarget),
        (
            "symbolic link to nothing by PAX",
            new().pax(&[("linkpath", "")]).add(Raw::of(b'2', "a").link("b")),
            Defect::SymlinkTarget,
        ),
    ]);
}

#[test]
fn a_root_that_is_not_a_directory() {
    let mut cases = Vec::new();
    for name in [".", "/.", "//./."] {
        for kind in [b'0', b'1', b'2', b'3', b'4', b'6'] {
            let archive = new().add(Raw::of(kind, name).link("target"));
            cases.push((name, archive, Defect::Root));
        }
    }
    check(cases);
}

// covers: IMG-LAYER-13
#[test]
fn reserved_names_that_mark_nothing() {
    let reserved = |name: &str| MarkerDefect::ReservedName(name.into());
    check_markers(vec![
        ("bare", new().file(".wh.", ""), reserved(".wh.")),
        ("bare below", new().file("a/.wh.", ""), reserved(".wh.")),
        ("itself", new().file("a/.wh..", ""), reserved(".wh..")),
        ("the parent", new().file("a/.wh...", ""), reserved(".wh...")),
        ("whiteout of a whiteout", new().file(".wh..wh.a", ""), reserved(".wh..wh.a")),
        ("AUFS below", new().directory("a/.wh..wh.plnk/"), reserved(".wh..wh.plnk")),
        ("nearly AUFS", new().file(".wh..wh.aufss", ""), reserved(".wh..wh.aufss")),
        ("nearly opaque", new().file(".wh..wh..opqq", ""), reserved(".wh..wh..opqq")),
        ("below a whiteout", new().file(".wh.a/b", ""), reserved(".wh.a")),
        ("below an opaque", new().file(".wh..wh..opq/b", ""), reserved(".wh..wh..opq")),
    ]);
}

#[test]
fn hard_links_to_what_marks_something() {
    let link = |target: &str| new().add(Raw::of(b'1', "a").link(target));
    let to = |target: &str| MarkerDefect::HardlinkTarget(target.parse().unwrap());
    check_markers(vec![
        ("to a whiteout", link("b/.wh.c"), to("b/.wh.c")),
        ("below a whiteout", link(".wh.b/c"), to(".wh.b/c")),
    ]);
}

#[test]
fn markers_that_are_not_valid_entries() {
    let marker = |kind| Raw::of(kind, "a/.wh.b");
    check(vec![
        ("owner", new().add(marker(b'0').put(116, b"\x80\0\0\x01\0\0\0\0")), Defect::Number("gid")),
        (
            "owner by PAX",
            new().pax(&[("uid", "4294967295")]).add(&marker(b'0')),
            Defect::Number("uid"),
        ),
        ("mode", new().add(marker(b'6').mode(0o040_755)), Defect::ModeType(0o040_755)),
        ("link", new().add(&marker(b'2')), Defect::SymlinkTarget),
        ("hard link", new().add(&marker(b'1')), Defect::HardlinkTarget(PathError::Empty)),
    ]);
}

#[test]
fn slashes_that_make_a_directory_for_some() {
    let mut cases = vec![
        (
            "only in the header",
            new().pax(&[("path", "a")]).add(&Raw::of(0, "a/")),
            Defect::TrailingSlash,
        ),
        (
            "only in the record",
            new().pax(&[("path", "a/")]).add(&Raw::of(0, "a")),
            Defect::TrailingSlash,
        ),
    ];
    cases.push(("a/", new().add(&Raw::new("a/")), Defect::TrailingSlash));
    cases.push(("a/ with content", new().file("a/", "x"), Defect::TrailingSlash));
    check(cases);
}

#[test]
fn entry_types_that_few_programs_know() {
    for kind in [b'7', b'8', b'A', b'D', b'I', b'M', b'N', b'V', b'X', 0xff] {
        check(vec![("type", new().add(&Raw::of(kind, "a")), Defect::Type(kind))]);
    }
    for kind in [b'3', b'4'] {
        let archive = new().add(Raw::oldest(kind, "a").device(1, 3));
        check(vec![("device of the oldest format", archive, Defect::Type(kind))]);
    }
}

#[test]
fn formats_that_are_guessed() {
    let star = |prefix: &[u8], time: &[u8]| {
        let mut raw = Raw::new("a");
        new().add(raw.put(345, prefix).put(476, time).put(508, b"tar\0"))
    };
    let unsigned = |magic: &[u8]| Raw::new("a").put(257, magic).put(345, b"evil").clone();
    check(vec![
        ("star's times after a long prefix", star(&[b'p'; 131], b"00000000005 "), Defect::Prefix),
        ("star's time that is none", star(b"p", b"garbage"), Defect::Prefix),
        ("no magic and a prefix", new().add(&unsigned(b"magic\0\0\0")), Defect::Prefix),
        ("half of GNU's and a prefix", new().add(&unsigned(b"ustar \0\0")), Defect::Prefix),
        ("GNU with a prefix", new().add(Raw::gnu(b'0', "a").put(345, b"evil")), Defect::Prefix),
        ("oldest with a prefix", new().add(Raw::oldest(0, "a").put(345, b"evil")), Defect::Prefix),
    ]);
}

#[test]
fn numbers_with_a_second_reading() {
    let at = |at, bytes: &[u8]| new().add(Raw::new("a").put(at, bytes));
    check(vec![
        ("signed", at(124, b"+0000000000\0"), Defect::Number("size")),
        (
            "negative",
            at(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0"),
            Defect::Number("size"),
        ),
        (
            "overflow",
            at(124, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            Defect::Number("size"),
        ),
        ("64 bits", at(124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), Defect::Number("size")),
        ("seven bits", at(124, b"\xa0\0\0\0\0\0\0\0\0\0\x02\0"), Defect::Number("size")),
        ("NUL first", at(124, b"\x000000001000"), Defect::Number("size")),
        ("underscore", at(124, b"00000001_00\0"), Defect::Number("size")),
        ("base 64", at(124, b"-AAAAAAAAAB\0"), Defect::Number("size")),
        ("decimal", at(124, b"00000000009\0"), Defect::Number("size")),
        ("spaces", at(124, b"            "), Defect::Number("size")),
        ("mode", at(100, b"0000o644"), Defect::Number("mode")),
        ("mtime", at(136, b"0x000000000\0"), Defect::Number("mtime")),
        ("nobody changes", at(108, b"\x80\0\0\0\xff\xff\xff\xff"), Defect::Number("uid")),
        ("uid over 32 bits", at(108, b"\x80\0\0\x01\0\0\0\0"), Defect::Number("uid")),
        ("negative gid", at(116, b"\xff\xff\xff\xff\xff\xff\xff\xff"), Defect::Number("gid")),
        (
            "uid over 32 bits by PAX",
            new().pax(&[("uid", "4294967296")]).file("a", ""),
            Defect::Number("uid"),
        ),
        (
            "nobody changes by PAX",
            new().pax(&[("gid", "4294967295")]).file("a", ""),
            Defect::Number("gid"),
        ),
        (
            "device",
            new().add(Raw::of(b'3', "a").put(329, b"0000008\0")),
            Defect::Number("devmajor"),
        ),
        (
            "blank device",
            new().add(Raw::of(b'3', "a").put(329, b"                ")),
            Defect::Number("devmajor"),
        ),
        (
            "negative device",
            new().add(Raw::of(b'4', "a").put(337, b"\xff\xff\xff\xff\xff\xff\xff\xff")),
            Defect::Number("devminor"),
        ),
    ]);
}

#[test]
fn numbers_that_are_not_used() {
    let bad = |kind, at, name: &'static str| {
        let mut raw = Raw::of(kind, "x");
        raw.put(at, b"00=0");
        let body: &[u8] = if kind == b'L' { b"name\0" } else { b"" };
        (name, new().with(&raw, body).file("a", ""), Defect::Number(name))
    };
    for kind in [b'x', b'g', b'L', b'0', b'5'] {
        check(vec![
            bad(kind, 100, "mode"),
            bad(kind, 108, "uid"),
            bad(kind, 116, "gid"),
            bad(kind, 136, "mtime"),
            bad(kind, 329, "devmajor"),
            bad(kind, 337, "devminor"),
        ]);
    }
    let overridden = new().pax(&[("mtime", "1")]).add(Raw::new("a").put(136, b"000\xff"));
    check(vec![("overridden", overridden, Defect::Number("mtime"))]);
}

#[test]
fn modes_of_another_type() {
    let mut cases = Vec::new();
    for (kind, modes) in [
        (b'3', &[0o100_644, 0o040_644, 0o060_644, 0o120_644, 0o010_644][..]),
        (b'4', &[0o100_644, 0o120_644, 0o010_644]),
        (b'6', &[0o100_644, 0o040_644, 0o020_644, 0o140_644]),
    ] {
        for mode in modes {
            let archive = new().add(Raw::of(kind, "a").mode(*mode).device(1, 3));
            cases.push(("device", archive, Defect::ModeType(*mode as u32)));
        }
    }
    check(cases);
}

#[test]
fn checksums_that_are_wrong() {
    let mut archive = new().file("a", "").end();
    archive[0] = b'b';
    let found = list(&archive);
    let expected = Defect::Checksum;
    assert!(
        matches!(&found, Err(ReadError::Archive { offset: 0, defect }) if *defect == expected),
        "{found:?}"
    );
}

#[test]
fn a_lone_block_of_zeros() {
    let archive = new().file("a", "").bytes([0; 512]).file("b", "").end();
    let found = list(&archive);
    assert!(
        matches!(found, Err(ReadError::Archive { offset: 512, defect: Defect::LoneZeroBlock })),
        "{found:?}"
    );
}

#[test]
fn archives_that_are_cut_short() {
    let whole = new().pax(&[("mtime", "1.5")]).file("a", [b'x'; 600]).end();
    let (content_end, entries_end) = (512 * 3 + 600, 512 * 5);
    for length in 1..whole.len() {
        let found = list(&whole[..length]);
        match length {
            // In the padding of the last file or after it, and after one or two blocks of zeros.
            _ if (content_end..=entries_end).contains(&length) || length == entries_end + 512 => {
                assert_eq!(found.unwrap()[0].1, [b'x'; 600], "{length}");
            }
            // Nobody knows whether more was to come.
            1024 => assert!(found.is_err()),
            _ => assert!(
                matches!(
                    found,
                    Err(ReadError::Archive {
                        defect: Defect::Truncated | Defect::ExtensionAlone,
                        ..
                    })
                ),
                "{length}: {found:?}"
            ),
        }
    }
}

#[test]
fn markers_that_are_cut_short() {
    let whole = new().file(".wh.a", [b'x'; 600]).0;
    for length in 512..=whole.len() {
        let found = list(&whole[..length]);
        match length >= 512 + 600 {
            true => assert_eq!(found.unwrap().len(), 1, "{length}"),
            false => assert!(
                matches!(found, Err(ReadError::Archive { defect: Defect::Truncated, .. })),
                "{length}: {found:?}"
            ),
        }
    }
}

#[test]
fn what_follows_a_compressed_stream() {
    let tar = new().file("a", "b").end();
    for blob in [
        super::read::gzip(&tar),
        #[cfg(feature = "zstd")]
        zstd::encode_all(&tar[..], 1).unwrap(),
    ] {
        for junk in [&b"x"[..], b"\0", b"garbage after the stream", &tar] {
            let found = list(&[&blob, junk].concat());
            assert!(matches!(found, Err(ReadError::Decompress { .. })), "{found:?}");
        }
        for length in 5..blob.len() {
            let found = list(&blob[..length]);
            assert!(matches!(found, Err(ReadError::Decompress { .. })), "{length}: {found:?}");
        }
        let mut broken = blob.clone();
        let end = broken.len() - 2;
        broken[end] ^= 1;
        assert!(matches!(list(&broken), Err(ReadError::Decompress { .. })));
    }
}

#[test]
fn a_compression_other_than_the_media_type_says() {
    let tar = new().file("a", "b").end();
    let zipped = super::read::gzip(&tar);
    let open = |blob: &[u8], media_type: &MediaType| {
        Reader::new(blob, media_type, Limits::default()).map(|_| ())
    };
    assert!(open(&tar, &MediaType::LAYER_TAR).is_ok());
    assert!(open(&zipped, &MediaType::DOCKER_LAYER_TAR_GZIP).is_ok());
    for media_type in ["application/octet-stream", "text/vnd.unknown+zstd"] {
        assert!(open(&zipped, &MediaType::from(media_type)).is_ok());
    }
    let known = b"\xfd7zXZ\0 and more";
    assert!(matches!(
        open(known, &MediaType::from("application/octet-stream")),
        Err(ReadError::Unsupported(Codec::Xz))
    ));
    for (blob, media_type, declared, found) in [
        (&known.to_vec(), MediaType::LAYER_TAR_GZIP, Codec::Gzip, Codec::Xz),
        (&b"BZh91AY&SY".to_vec(), MediaType::LAYER_TAR, Codec::None, Codec::Bzip2),
        (&tar, MediaType::LAYER_TAR_GZIP, Codec::Gzip, Codec::None),
        (&zipped, MediaType::LAYER_TAR, Codec::None, Codec::Gzip),
        (&zipped, MediaType::LAYER_TAR_ZSTD, Codec::Zstd, Codec::Gzip),
    ] {
        match open(blob, &media_type) {
            Err(ReadError::Mismatch { declared: one, found: other }) => {
                assert_eq!((one, other), (declared, found));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_reader_that_failed_does_not_continue() {
    // The second is an archive that is good, and a layer that is not.
    for refused in ["../a", ".wh.."] {
        let tar = new().file(refused, "").file("b", "").end();
        let mut reader = Reader::detect(&tar[..], Limits::default()).unwrap();
        let failed = reader.next_change();
        assert!(
            matches!(failed, Err(ReadError::Archive { .. } | ReadError::Marker { .. })),
            "{refused}: {failed:?}"
        );
        assert!(matches!(reader.next_change(), Err(ReadError::FailedBefore)), "{refused}");
        assert!(matches!(reader.finish(), Err(ReadError::FailedBefore)), "{refused}");
    }
}
