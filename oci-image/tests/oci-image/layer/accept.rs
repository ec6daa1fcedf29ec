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
                .add(Raw::of(b'2', "d").link("/etc").mode(0o777))
                .directory("d/")
                .file("d", "x")
                .end(),
            vec!["l0777 0:0 /d -> /etc", "d0755 0:0 /d", "-0644 0:0 1 /d"],
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
            ("SCHILY.xattr.user.both", "a/b\n"),
            ("SCHILY.xattr.user.empty", ""),
        ])
        .file("a", "")
        .end();
    let (Change::Upsert(entry), _) = list(&archive).unwrap().remove(0) else { panic!() };
    let expected: [(&[u8], &[u8]); 3] =
        [(b"user.A=", b"\0\xff"), (b"user.both", b"a/b\n"), (b"user.empty", b"")];
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
