//! Archives as good tools write them, and odd ones that everybody reads the same.

use oci_image::layer::Change;

use super::read::{list, members};
use crate::raw::{Archive, Raw};

/// Archives with what `Display` says of their changes.
pub(crate) fn corpus() -> Vec<(&'static str, Vec<u8>, Vec<&'static str>)> {
    let new = Archive::new;
    let smuggled = new().file("smuggled", "x").0;
    let long_name = format!("{}\0", "n".repeat(99));
    vec![
        ("nothing but the end", new().end(), vec![]),
        ("no end", new().file("a", "b").0, vec!["-0644 0:0 1 /a"]),
        ("one block at the end", new().file("a", "b").bytes([0; 512]).0, vec!["-0644 0:0 1 /a"]),
        (
            "blocked by twenty, as GNU tar does",
            new().file("a", "b").bytes(vec![0; 10_240 - 1024]).0,
            vec!["-0644 0:0 1 /a"],
        ),
        (
            "junk after the end",
            [new().file("a", "b").end(), b"junk".into()].concat(),
            vec!["-0644 0:0 1 /a"],
        ),
        (
            "size by PAX alone",
            new().pax(&[("size", "1024")]).add(&Raw::new("a")).bytes(&smuggled).file("b", "").end(),
            vec!["-0644 0:0 1024 /a", "-0644 0:0 0 /b"],
        ),
        (
            "size by PAX and header",
            new().pax(&[("size", "1024")]).with(&Raw::new("a"), &smuggled).file("b", "").end(),
            vec!["-0644 0:0 1024 /a", "-0644 0:0 0 /b"],
        ),
        (
            "one name of many types",
            new()
                .add(Raw::of(b'2', "d").link("etc").mode(0o777))
                .directory("d/")
                .file("d", "x")
                .end(),
            vec!["l0777 0:0 /d -> etc", "d0755 0:0 /d", "-0644 0:0 1 /d"],
        ),
        (
            "names that are clamped",
            new()
                .directory("/")
                .file("/a", "")
                .file("./b", "")
                .file("c//d", "")
                .file("./e/./f", "")
                .end(),
            vec![
                "d0755 0:0 /",
                "-0644 0:0 0 /a",
                "-0644 0:0 0 /b",
                "-0644 0:0 0 /c/d",
                "-0644 0:0 0 /e/f",
            ],
        ),
        (
            "names that only look odd",
            new()
                .file("...", "")
                .file("..a", "")
                .file(" ", "")
                .file("a\\b", "")
                .file(".wha", "")
                .end(),
            vec![
                "-0644 0:0 0 /...",
                "-0644 0:0 0 /..a",
                "-0644 0:0 0 / ",
                "-0644 0:0 0 /a\\b",
                "-0644 0:0 0 /.wha",
            ],
        ),
        (
            "links that climb and dangle",
            new()
                .add(Raw::of(b'2', "a").link("../../../etc/passwd"))
                .add(Raw::of(b'2', "b").link("/proc/self/exe"))
                .add(Raw::of(b'1', "c").link("./x"))
                .end(),
            vec![
                "l0644 0:0 /a -> ../../../etc/passwd",
                "l0644 0:0 /b -> /proc/self/exe",
                "h0644 0:0 /c = /x",
            ],
        ),
        (
            "GNU long name and link",
            new()
                .with(&Raw::gnu(b'L', "././@LongLink"), &long_name)
                .add(&Raw::gnu(b'0', "short"))
                .with(&Raw::gnu(b'K', "././@LongLink"), "target\0")
                .with(&Raw::gnu(b'L', "././@LongLink"), "name\0")
                .add(Raw::gnu(b'2', "n").link("t"))
                .end(),
            vec![
                "-0644 0:0 0 /nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
                "l0644 0:0 /name -> target",
            ],
        ),
        (
            "the oldest format",
            new()
                .add(&Raw::oldest(0, "dir/"))
                .with(&Raw::oldest(0, "dir/file"), "x")
                .add(Raw::oldest(b'1', "hard").link("dir/file"))
                .add(Raw::oldest(b'2', "soft").link("dir"))
                .end(),
            vec![
                "d0644 0:0 /dir",
                "-0644 0:0 1 /dir/file",
                "h0644 0:0 /hard = /dir/file",
                "l0644 0:0 /soft -> dir",
            ],
        ),
        (
            "numbers in base 256",
            new()
                .add(
                    Raw::gnu(b'0', "a")
                        .put(108, b"\x80\0\0\0\x7f\xff\xff\xff")
                        .put(136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                )
                .end(),
            vec!["-0644 2147483647:0 0 /a"],
        ),
        (
            "numbers with spaces",
            new().add(Raw::new("a").put(100, b"   644 \0").put(136, b"          0 ")).end(),
            vec!["-0644 0:0 0 /a"],
        ),
        (
            "the type in the mode, as Go once wrote it",
            new()
                .add(Raw::of(b'5', "d/").mode(0o040_755))
                .add(Raw::new("d/a").mode(0o104_755))
                .add(Raw::of(b'1', "d/b").link("d/a").mode(0o104_755))
                .add(Raw::of(b'2', "l").link("d").mode(0o120_777))
                .end(),
            vec!["d0755 0:0 /d", "-4755 0:0 0 /d/a", "h4755 0:0 /d/b = /d/a", "l0777 0:0 /l -> d"],
        ),
        (
            "as Docker and BuildKit write it",
            new()
                .pax(&[
                    ("atime", "1700000000.1"),
                    ("ctime", "1700000000.2"),
                    ("mtime", "1700000000.3"),
                ])
                .directory("etc/")
                .pax(&[("SCHILY.xattr.security.capability", "\x01\0\0\x02\0\x04\0\0\0\0\0\0")])
                .add(Raw::new("etc/ping").mode(0o755).put(265, b"root").put(297, b"root"))
                .file("etc/.wh.motd", "")
                .end(),
            vec!["d0755 0:0 /etc", "-0755 0:0 0 /etc/ping", "- /etc/motd"],
        ),
        (
            "empty PAX values",
            new()
                .pax(&[
                    ("uname", ""),
                    ("gname", ""),
                    ("comment", ""),
                    ("SCHILY.xattr.user.overlay.origin", ""),
                ])
                .file("a", "")
                .end(),
            vec!["-0644 0:0 0 /a"],
        ),
        (
            "as git archive writes it",
            new()
                .global(&[("comment", "0123456789abcdef0123456789abcdef01234567")])
                .file("a", "")
                .end(),
            vec!["-0644 0:0 0 /a"],
        ),
        (
            "records nobody has to know",
            new()
                .pax(&[
                    ("SCHILY.dev", "5"),
                    ("SCHILY.ino", "6"),
                    ("SCHILY.nlink", "2"),
                    ("SCHILY.acl.access", "user::rw-"),
                    ("RHT.security.selinux", "system_u"),
                    ("hdrcharset", "BINARY"),
                    ("VENDOR.key", "a=b\nc"),
                ])
                .file("a", "")
                .end(),
            vec!["-0644 0:0 0 /a"],
        ),
        (
            "a root without a name",
            new().directory("").file("a", "").end(),
            vec!["d0755 0:0 /", "-0644 0:0 0 /a"],
        ),
        (
            "what has no content and a size by header",
            sized(|raw| new().add(raw.clone().size(1024))),
            SIZED.to_vec(),
        ),
        (
            "what has no content and a size by PAX",
            sized(|raw| new().pax(&[("size", "1024")]).add(raw)),
            SIZED.to_vec(),
        ),
        (
            "what has no content and two sizes",
            new()
                .pax(&[("size", "0")])
                .add(Raw::of(b'2', "a").link("b").size(1024))
                .file("c", "x")
                .end(),
            vec!["l0644 0:0 /a -> b", "-0644 0:0 1 /c"],
        ),
        (
            "slashes after what is not a directory",
            new()
                .file("target", "x")
                .add(Raw::of(b'1', "a/").link("target"))
                .add(Raw::of(b'2', "b/").link("target/"))
                .add(Raw::of(b'3', "c//").device(1, 3))
                .add(&Raw::of(b'6', "./d/"))
                .pax(&[("path", "e/")])
                .add(Raw::of(b'2', "x").link("target"))
                .end(),
            vec![
                "-0644 0:0 1 /target",
                "h0644 0:0 /a = /target",
                "l0644 0:0 /b -> target/",
                "c0644 0:0 1:3 /c",
                "p0644 0:0 /d",
                "l0644 0:0 /e -> target",
            ],
        ),
        (
            "keys that stand twice",
            new()
                .pax(&[("path", "first"), ("path", "last"), ("uid", "1"), ("uid", "2")])
                .file("a", "")
                .pax(&[("size", "5"), ("size", "3")])
                .file("b", "xyz")
                .end(),
            vec!["-0644 2:0 0 /last", "-0644 0:0 3 /b"],
        ),
        (
            "headers of no known format",
            new()
                .with(Raw::new("a").put(257, b"magic\0\0\0"), "x")
                .add(Raw::of(0, "b/").put(257, b"ustar \0\0"))
                .add(Raw::of(b'3', "c").put(257, b"USTAR\0"))
                .end(),
            vec!["-0644 0:0 1 /a", "d0644 0:0 /b", "c0644 0:0 0:0 /c"],
        ),
        (
            "as star writes it",
            new()
                .add(
                    Raw::new("a")
                        .put(345, b"prefix")
                        .put(476, b"00000000005 00000000006 ")
                        .put(508, b"tar\0"),
                )
                .end(),
            vec!["-0644 0:0 0 /prefix/a"],
        ),
        (
            "pipes and devices without numbers of the oldest format",
            new().add(&Raw::oldest(b'6', "a")).add(&Raw::oldest(b'4', "b")).end(),
            vec!["p0644 0:0 /a", "b0644 0:0 0:0 /b"],
        ),
        (
            "types in the mode that nobody believes",
            new()
                .add(Raw::new("a").mode(0o040_755))
                .add(Raw::of(b'5', "b/").mode(0o100_755))
                .add(Raw::of(b'2', "c").link("a").mode(0o020_777))
                .add(Raw::new("d").mode(0o1_000_644))
                .add(Raw::of(b'4', "e").mode(0o020_644).device(1, 3))
                .end(),
            vec![
                "-0755 0:0 0 /a",
                "d0755 0:0 /b",
                "l0777 0:0 /c -> a",
                "-0644 0:0 0 /d",
                "b0644 0:0 1:3 /e",
            ],
        ),
        (
            "numbers that only devices need, and zeros after a NUL byte",
            new()
                .add(Raw::new("a").put(329, b"                "))
                .add(Raw::new("b").put(329, b"\xff\xff\xff\xff\xff\xff\xff\xff"))
                .add(Raw::new("c").put(108, b"\x00000000\0").put(124, b"\x000000000000"))
                .pax(&[("SCHILY.devmajor", "5")])
                .add(Raw::of(b'3', "d").device(1, 3))
                .end(),
            vec!["-0644 0:0 0 /a", "-0644 0:0 0 /b", "-0644 0:0 0 /c", "c0644 0:0 1:3 /d"],
        ),
        (
            "records of backups and volumes",
            new()
                .pax(&[
                    ("GNU.volume.label", "a"),
                    ("GNU.volume.size", "5"),
                    ("GNU.foo", ""),
                    ("SCHILY.realsize", "5"),
                    ("hdrcharset", "UTF-16"),
                    ("linkpath", ""),
                ])
                .file("a", "xyz")
                .end(),
            vec!["-0644 0:0 3 /a"],
        ),
        (
            "extensions that say the same or nothing",
            new()
                .with(&Raw::gnu(b'L', "././@LongLink"), "a\0b\0")
                .with(&Raw::gnu(b'L', "././@LongLink"), "a\0")
                .file("x", "")
                .pax(&[("comment", "")])
                .pax(&[("path", "b")])
                .file("x", "")
                .end(),
            vec!["-0644 0:0 0 /a", "-0644 0:0 0 /b"],
        ),
        (
            "whiteouts of every type and with content",
            new()
                .add(&Raw::of(b'5', ".wh.a/"))
                .add(Raw::of(b'2', ".wh.b").link("x"))
                .file("c/.wh.d", "ignored")
                .file(".wh..wh..opq", "ignored")
                .file("c/.wh.e", "")
                .end(),
            vec!["- /a", "- /b", "- /c/d", "! /", "- /c/e"],
        ),
    ]
}

/// What [`sized`] archives hold.
const SIZED: [&str; 13] = [
    "-0644 0:0 1 /target",
    "h0644 0:0 /1 = /target",
    "-0644 0:0 1 /after-1",
    "l0644 0:0 /2 -> target",
    "-0644 0:0 1 /after-2",
    "c0644 0:0 1:3 /3",
    "-0644 0:0 1 /after-3",
    "b0644 0:0 1:3 /4",
    "-0644 0:0 1 /after-4",
    "d0644 0:0 /5",
    "-0644 0:0 1 /after-5",
    "p0644 0:0 /6",
    "-0644 0:0 1 /after-6",
];

/// One of each kind without content, made by `make`, a target for links before, and a file after each,
/// where the content would be.
fn sized(make: impl Fn(&Raw) -> Archive) -> Vec<u8> {
    let mut archive = Archive::new().file("target", "x");
    for kind in b'1'..=b'6' {
        let made = make(Raw::of(kind, [kind]).link("target").device(1, 3));
        archive = archive.bytes(made.0).file([b"after-", &[kind][..]].concat(), "x");
    }
    archive.end()
}

#[test]
fn good_archives_are_read() {
    for (name, archive, expected) in corpus() {
        let listing = list(&archive).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let lines: Vec<_> = listing.iter().map(|(change, _)| change.to_string()).collect();
        assert_eq!(lines, expected, "{name}");
        let members = members(&archive).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(members.len(), listing.len(), "{name}");
        for ((change, content), (entry, same)) in listing.iter().zip(&members) {
            match change {
                Change::Upsert(upsert) => assert_eq!((upsert, content), (entry, same), "{name}"),
                // A marker's content means nothing to a layer.
                _ => assert!(entry.path.name().unwrap().starts_with(b".wh."), "{name}"),
            }
        }
    }
}

/// What AUFS kept in the root of a layer is in images of its time. Python and GNU tar have it in their
/// listings, and umoci and podman leave it out.
#[test]
fn what_aufs_left_behind_is_passed_over() {
    let archive = Archive::new()
        .file(".wh..wh.aufs", "")
        .add(&Raw::of(b'5', ".wh..wh.orph/"))
        .file("a", "1")
        .add(&Raw::of(b'5', ".wh..wh.plnk/"))
        .file(".wh..wh.plnk/91.2", "what it links to")
        .file("b", "2")
        .end();
    let listing = list(&archive).unwrap();
    let found: Vec<_> =
        listing.iter().map(|(change, content)| (change.path().to_string(), &content[..])).collect();
    assert_eq!(found, [("/a".to_owned(), &b"1"[..]), ("/b".to_owned(), &b"2"[..])]);
    // A file that is linked to one of them alone would be lost with it.
    let archive = Archive::new()
        .file(".wh..wh.plnk/91.2", "")
        .add(Raw::of(b'1', "a").link(".wh..wh.plnk/91.2"))
        .end();
    list(&archive).unwrap_err();
}

#[test]
fn attributes_are_read_in_both_spellings() {
    let archive = Archive::new()
        .pax(&[
            ("LIBARCHIVE.xattr.user.both", "YS9iCg"),
            ("LIBARCHIVE.xattr.user.%41%3d", "AP8="),
            ("LIBARCHIVE.xattr.user.other", "AA=="),
            ("SCHILY.xattr.user.other", "counts"),
            ("LIBARCHIVE.xattr.user.%2", "eA=="),
            ("LIBARCHIVE.xattr.user.%zz", "eA=="),
            ("LIBARCHIVE.xattr.user.a%00b", "eA=="),
            ("LIBARCHIVE.xattr.user.a", "?"),
            ("SCHILY.xattr.user.both", "a/b\n"),
            ("SCHILY.xattr.user.empty", ""),
        ])
        .file("a", "")
        .end();
    let (Change::Upsert(entry), _) = list(&archive).unwrap().remove(0) else { panic!() };
    let expected: [(&[u8], &[u8]); 4] = [
        (b"user.A=", b"\0\xff"),
        (b"user.both", b"a/b\n"),
        (b"user.empty", b""),
        (b"user.other", b"counts"),
    ];
    let found: Vec<_> = entry.metadata.xattrs.iter().map(|(k, v)| (&k[..], &v[..])).collect();
    assert_eq!(found, expected);
}

#[test]
fn bytes_of_names_are_kept() {
    for name in [&b"caf\xe9"[..], "café".as_bytes(), "cafe\u{301}".as_bytes(), b"\x01\n\x7f"] {
        for archive in [
            Archive::new().file(name, ""),
            Archive::new().pax(&[(&b"path"[..], name)]).file("other", ""),
            Archive::new().with(&Raw::gnu(b'L', "L"), name).file("other", ""),
        ] {
            let listing = list(&archive.end()).unwrap();
            assert_eq!(listing[0].0.path().as_bytes(), name);
        }
    }
}
