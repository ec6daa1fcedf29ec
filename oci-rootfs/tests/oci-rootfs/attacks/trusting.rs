//! Programs that trust in layers: that the attacks succeed against them shows that they are attacks.
//!
//! Other tests have their own: `known_bad.rs` for parsers, the races, bombs and helper programs. There is
//! none for exact modes and owners, long names and full disks: these fail by mistake, not by trust.

use std::io::Write;
use std::process::{Command, Stdio};

use super::cases::{Affected, attacks};
use super::*;
use crate::tree::What;

#[test]
fn layers_lead_trusting_programs_out_of_the_root() {
    oci_testing::needs!(gnu_tar, "python3");
    for (what, attack, end, falls) in attacks() {
        let (programs, expected, why) = match falls {
            Affected::Out(programs) => (programs, Way::Out, ""),
            Affected::Astray(programs) => (programs, Way::Astray, ""),
            Affected::Nobody(why) => (&["python3", "tar"][..], Way::Nowhere, why),
        };
        for program in programs {
            let field = Field::new();
            let is_applied = apply(program, &field, &attack(Tar::new(), &field.outside()).end());
            let way = match field.harm() {
                Some(_) => Way::Out,
                None if field.ended(is_applied, &end) => Way::Nowhere,
                None => Way::Astray,
            };
            assert_eq!(way, expected, "{program}: {what} {why}");
        }
    }
}

/// What an overlay takes for a whiteout and for an opaque directory: `overlay.rs` has it refused and
/// escaped.
#[test]
fn devices_and_attributes_of_overlays_come_through_a_trusting_program() {
    oci_testing::needs!(root, gnu_tar);
    let field = Field::new();
    let layer = Tar::new()
        .entry(header(b'5', "d").xattr("trusted.overlay.opaque", "y"))
        .entry(header(b'3', "c").device(0, 0));
    assert!(apply("tar", &field, &layer.end()));
    let found = tree(&field.root());
    assert_eq!(found["d"].xattrs, [("trusted.overlay.opaque".to_owned(), b"y".to_vec())].into());
    assert_eq!(found["c"].what, What::CharDevice(0));
}

/// Where an attack leads.
#[derive(Debug, PartialEq)]
enum Way {
    Out,
    Astray,
    Nowhere,
}

/// Lets a program apply a layer from where the outside is; it may fail in the end.
fn apply(program: &str, field: &Field, layer: &[u8]) -> bool {
    let mut command = Command::new(program);
    match program {
        "tar" => command.args(["--xattrs", "--xattrs-include=*", "-xPf", "-", "-C"]),
        _ => command.args(["-c", include_str!("trusting.py")]),
    };
    command.arg(field.root()).current_dir(field.outside());
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // It may stop reading.
    let _ = child.stdin.take().unwrap().write_all(layer);
    child.wait().unwrap().success()
}
