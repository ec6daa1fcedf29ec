//! Attacks that old crates fall to: that they do shows that the attacks are attacks.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use oci_testing::mount::run;

/// `examples/known-bad`, built.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // The test is in `debug/deps`.
    let target = test.ancestors().nth(3).unwrap().join("known-bad");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/known-bad/Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
    build.arg("--target-dir").arg(&target);
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        build.env_remove(name);
    }
    run(&mut build);
    target.join("debug/known-bad")
}

/// What the program does with an archive; it may fail in the end.
fn known_bad(program: &Path, arguments: &[&str], archive: &[u8]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(archive).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("usage") && !error.contains("panicked"), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A file that one parser sees in what is another one's content: its header alone.
fn smuggled() -> Vec<u8> {
    let mut header = Tar::new().file("smuggled", "").end();
    header.truncate(512);
    header
}

#[test]
fn what_gets_out_of_known_bad_crates_stays_within() {
    oci_testing::needs!("cargo", crates_io, gnu_tar);
    let program = program();

    // A directory over a link changed the mode of what the link leads to (CVE-2026-33056).
    for bad in ["tar", "astral"] {
        let layer = |out: &str| {
            let directory = header(b'5', "d").mode(0o777);
            Tar::new().symlink("d", out).entry(directory).end()
        };
        let mode = |field: &Field| fs::metadata(field.outside()).unwrap().permissions().mode();
        let field = Field::new();
        fs::set_permissions(field.outside(), fs::Permissions::from_mode(0o700)).unwrap();
        let root = field.root();
        known_bad(&program, &[bad, "unpack", root.to_str().unwrap()], &layer(&field.outside()));
        assert_eq!(mode(&field) & 0o777, 0o777, "{bad}");

        let field = Field::new();
        field.apply(&layer(&field.outside())).unwrap();
        field.check(bad);
    }

    // The size by PAX was overlooked beside one of zero (CVE-2025-62518), or beside any other one.
    let sized = || header(b'0', "a").pax("size", "1024");
    let nothing = Tar::new().entry(sized()).bytes(smuggled()).bytes([0; 512]);
    let half = Tar::new().with(sized(), [b'x'; 512]).bytes(smuggled());
    for (bad, layer) in [("astral", nothing), ("tar", half)] {
        let layer = layer.file("b", "2").end();
        let seen = known_bad(&program, &[bad, "list"], &layer);
        assert!(seen.contains("smuggled"), "{bad}: {seen}");
        let field = Field::new();
        // It may be refused, but it is not misread.
        let applied = field.apply(&layer);
        let found = outline(&field.root());
        assert!(!found.iter().any(|line| line.starts_with("smuggled")), "{bad}: {found:?}");
        assert_eq!(applied.is_ok(), found.iter().any(|line| line.starts_with("b")), "{bad}");
    }

    // Of two names the last one counts.
    let layer =
        Tar::new().entry(header(b'0', "a").pax("path", "first").pax("path", "second")).end();
    let seen = known_bad(&program, &["tar", "list"], &layer);
    assert!(seen.contains("first") && !seen.contains("second"), "{seen}");
    let listed = known_bad(Path::new("tar"), &["-tf", "-"], &layer);
    assert!(listed.contains("second") && !listed.contains("first"), "{listed}");
    let field = Field::new();
    field.apply(&layer).unwrap();
    let found = outline(&field.root());
    let is_there = |name| found.iter().any(|line| line.starts_with(name));
    assert!(is_there("second") && !is_there("first"), "{found:?}");
}
