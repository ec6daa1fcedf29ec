//! What layers try, what becomes of it, and which programs fall for it.

use oci_testing::tar::{Tar, header};

/// What becomes of an attack.
pub(super) enum End {
    /// The layer is refused.
    Refused,
    /// The layer is applied, within the root: the tree is this. `OUT` stands for the outside's path.
    Held(&'static [&'static str]),
    /// The layer is applied, within the root.
    Harmless,
}

/// Which programs the attack is seen to succeed against: `python3`, which goes by paths as in
/// `trusting.py`, and `tar`, which is GNU tar told to trust (`-P`).
pub(super) enum Affected {
    /// They change something out of the root, or make it reachable from there.
    Out(&'static [&'static str]),
    /// They stay within the root, and make another tree of it, or accept what is refused.
    Astray(&'static [&'static str]),
    /// None does, and why.
    Nobody(&'static str),
}

pub(super) type Attack = (&'static str, fn(Tar, &str) -> Tar, End, Affected);

/// A layer to begin with, for an outside that is at this path.
pub(super) fn attacks() -> Vec<Attack> {
    use Affected::{Astray, Nobody, Out};
    use End::{Harmless, Held, Refused};
    vec![
        (
            "climbing name",
            |tar, _| tar.file("../outside/canary", "x"),
            Refused,
            Out(&["python3", "tar"]),
        ),
        (
            "climbing in the middle",
            |tar, _| tar.directory("a").file("a/../../x", "x"),
            Refused,
            Out(&["python3", "tar"]),
        ),
        (
            "absolute name",
            |tar, out| tar.file(format!("{out}/canary"), "x"),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        ("root as a link", |tar, out| tar.symlink("./", out), Refused, Out(&["python3"])),
        ("root as a file", |tar, _| tar.file(".", "x"), Refused, Out(&["python3"])),
        ("root as a whiteout", |tar, _| tar.file(".wh..", ""), Refused, Out(&["python3"])),
        ("parent as a whiteout", |tar, _| tar.file(".wh...", ""), Refused, Out(&["python3"])),
        ("bare whiteout", |tar, _| tar.file(".wh.", ""), Refused, Out(&["python3"])),
        (
            "file through an absolute link",
            |tar, out| tar.symlink("l", out).file("l/canary", "x"),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "file through a climbing link",
            |tar, _| tar.symlink("l", "../outside").file("l/canary", "x"),
            Held(&["l -> ../outside", "outside/", "outside/canary: x"]),
            Out(&["python3", "tar"]),
        ),
        (
            "file through a chain of links",
            |tar, _| {
                let tar = tar.directory("d").symlink("d/up", "..").symlink("d/l", "up/../outside");
                tar.file("d/l/canary", "x")
            },
            Held(&["d/", "d/l -> up/../outside", "d/up -> ..", "outside/", "outside/canary: x"]),
            Out(&["python3", "tar"]),
        ),
        (
            "file over a link",
            |tar, out| tar.symlink("l", format!("{out}/canary")).file("l", "x"),
            Held(&["l: x"]),
            Out(&["python3"]),
        ),
        (
            "directory over a link, to change its mode",
            |tar, out| tar.symlink("l", out).entry(header(b'5', "l/").mode(0o777)),
            Held(&["l/"]),
            Out(&["python3"]),
        ),
        (
            "directory through a link",
            |tar, out| tar.symlink("l", out).directory("l/made"),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "pipe through a link",
            |tar, out| tar.symlink("l", out).entry(header(b'6', "l/pipe")),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "link through a link",
            |tar, out| tar.symlink("l", out).symlink("l/canary", "x"),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "mode and owner of a file, set through a link",
            |tar, out| tar.symlink("l", out).entry(header(b'0', "l/canary").mode(0o4777)),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "hard link through a link",
            |tar, out| tar.symlink("l", out).hardlink("h", "l/canary"),
            Refused,
            Out(&["python3", "tar"]),
        ),
        (
            "hard link to a link, then written to",
            |tar, out| {
                tar.symlink("l", format!("{out}/canary"))
                    .hardlink("h", "l")
                    .file("h", "x")
                    .file("l", "y")
            },
            Held(&["h: x", "l: y"]),
            Out(&["python3"]),
        ),
        (
            "hard link that climbs",
            |tar, _| tar.hardlink("h", "../outside/canary"),
            Refused,
            Out(&["python3", "tar"]),
        ),
        (
            "hard link that climbs, then written to",
            |tar, _| tar.hardlink("h", "../outside/canary").file("h", "x"),
            Refused,
            Out(&["python3"]),
        ),
        (
            "hard link to an absolute name",
            |tar, out| tar.hardlink("h", format!("{out}/canary")),
            Refused,
            Out(&["python3", "tar"]),
        ),
        (
            "hard link to a directory",
            |tar, _| tar.directory("d").hardlink("h", "d"),
            Refused,
            Astray(&["python3"]),
        ),
        (
            "hard link to what is missing",
            |tar, _| tar.hardlink("h", "later").file("later", ""),
            Refused,
            Nobody("there is nothing that could be linked to"),
        ),
        (
            "hard link to itself",
            |tar, _| tar.file("f", "1").hardlink("f", "f"),
            Held(&["f: 1"]),
            Astray(&["python3"]),
        ),
        ("hard link to the root", |tar, _| tar.hardlink("h", "."), Refused, Astray(&["python3"])),
        (
            "whiteout through a link",
            |tar, out| tar.symlink("l", out).file("l/.wh.canary", ""),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "opaque through a link",
            |tar, out| tar.symlink("l", out).file("l/.wh..wh..opq", ""),
            Harmless,
            Out(&["python3", "tar"]),
        ),
        (
            "link that leads to itself",
            |tar, _| tar.symlink("l", "l").file("l/f", "x"),
            Refused,
            Nobody("the kernel follows no link forty times"),
        ),
        (
            "file below a file",
            |tar, _| tar.file("f", "1").file("f/g", "2"),
            Held(&["f/", "f/g: 2"]),
            Astray(&["python3", "tar"]),
        ),
        (
            "file over a full directory",
            |tar, _| tar.directory("d").file("d/f", "1").file("d", "2"),
            Held(&["d: 2"]),
            Astray(&["tar"]),
        ),
        (
            "directory over a pipe",
            |tar, _| tar.entry(header(b'6', "p")).directory("p"),
            Held(&["p/"]),
            Astray(&["python3"]),
        ),
        (
            "the mark of an incomplete tree",
            |tar, _| tar.file(".wh..oci-rootfs.incomplete", ""),
            Harmless,
            Nobody("the mark is our own"),
        ),
        (
            "the process's own directory",
            |tar, _| tar.symlink("l", "/proc/self/cwd").file("l/f", ""),
            Harmless,
            Out(&["python3", "tar"]),
        ),
    ]
}
