use oci_image::layer::{Change, Device, Entry, Kind, Metadata, Overlay, OverlayError};
use proptest::prelude::*;

use super::generate;

const BOTH: [Overlay; 2] = [Overlay::Trusted, Overlay::User];

fn entry(path: &str, kind: Kind, xattrs: &[(&str, &str)]) -> Change {
    let mut metadata = Metadata::new(0o755);
    for (name, value) in xattrs {
        metadata.xattrs.insert(name.as_bytes().to_vec(), value.as_bytes().to_vec());
    }
    Entry::new(path.parse().unwrap(), kind, metadata).into()
}

fn encode(overlay: Overlay, changes: &[Change]) -> Result<Vec<Change>, OverlayError> {
    let mut encoder = overlay.encoder();
    let mut encoded = Vec::new();
    for change in changes {
        encoded.extend(encoder.push(change.clone())?);
    }
    encoded.extend(encoder.finish());
    Ok(encoded)
}

fn decode(overlay: Overlay, changes: &[Change]) -> Result<Vec<Change>, OverlayError> {
    let decoded: Result<Vec<_>, _> =
        changes.iter().map(|change| overlay.decode(change.clone())).collect();
    Ok(decoded?.concat())
}

fn null() -> Kind {
    Kind::CharDevice(Device { major: 0, minor: 0 })
}

// covers: IMG-LAYER-08, IMG-LAYER-15
#[test]
fn markers_become_devices_and_attributes() {
    let changes = [
        entry("a", Kind::Directory, &[("user.x", "1")]),
        Change::Opaque("a".parse().unwrap()),
        Change::Whiteout("a/b".parse().unwrap()),
        entry("c", Kind::Directory, &[]),
    ];
    for overlay in BOTH {
        let opaque = format!("{}opaque", overlay.prefix());
        let mut gone = Entry::new("a/b".parse().unwrap(), null(), Metadata::default());
        gone.metadata.mode = 0;
        let expected = [
            entry("a", Kind::Directory, &[("user.x", "1"), (&opaque, "y")]),
            gone.into(),
            entry("c", Kind::Directory, &[]),
        ];
        assert_eq!(encode(overlay, &changes).unwrap(), expected);
        assert_eq!(decode(overlay, &expected).unwrap(), changes);
    }
}

#[test]
fn attributes_that_only_look_like_markers_are_escaped() {
    for overlay in BOTH {
        let name = format!("{}opaque", overlay.prefix());
        let escaped = format!("{}overlay.opaque", overlay.prefix());
        let plain = [entry("a", Kind::Directory, &[(&name, "y")])];
        let kept = [entry("a", Kind::Directory, &[(&escaped, "y")])];
        assert_eq!(encode(overlay, &plain).unwrap(), kept);
        assert_eq!(decode(overlay, &kept).unwrap(), plain);
    }
}

#[test]
fn whiteouts_may_be_files_with_an_attribute() {
    let directory = entry("a", Kind::Directory, &[("trusted.overlay.opaque", "x")]);
    let gone = entry("a/b", Kind::File { size: 0 }, &[("trusted.overlay.whiteout", "")]);
    let expected = [entry("a", Kind::Directory, &[]), Change::Whiteout("a/b".parse().unwrap())];
    assert_eq!(decode(Overlay::Trusted, &[directory, gone]).unwrap(), expected);
}

#[test]
fn the_overlays_own_attributes_are_left_out() {
    let notes = [("trusted.overlay.origin", "x"), ("trusted.overlay.impure", "y"), ("user.a", "b")];
    let found = decode(Overlay::Trusted, &[entry("a", Kind::Directory, &notes)]).unwrap();
    assert_eq!(found, [entry("a", Kind::Directory, &[("user.a", "b")])]);
}

#[test]
fn what_has_no_place_is_refused() {
    let path = || "a".parse().unwrap();
    let directory = entry("b", Kind::Directory, &[]);
    let alone = [directory, Change::Opaque(path())];
    assert_eq!(encode(Overlay::User, &alone), Err(OverlayError::OpaqueAlone(path())));
    let device = [entry("a", null(), &[])];
    assert_eq!(encode(Overlay::User, &device), Err(OverlayError::Device(path())));
    for attribute in ["redirect", "metacopy"] {
        let name = format!("user.overlay.{attribute}");
        let part = [entry("a", Kind::File { size: 1 }, &[(&name, "x")])];
        let attribute = attribute.to_owned();
        let expected = Err(OverlayError::Incomplete { path: path(), attribute });
        assert_eq!(decode(Overlay::User, &part), expected);
    }
}

proptest! {
    #[test]
    fn what_is_converted_converts_back(changes in generate::changes()) {
        let changes: Vec<_> = changes.into_iter().map(|(change, _)| change).collect();
        for overlay in BOTH {
            match encode(overlay, &changes) {
                Ok(encoded) => prop_assert_eq!(decode(overlay, &encoded).unwrap(), changes.clone()),
                Err(error) => prop_assert!(matches!(
                    error,
                    OverlayError::OpaqueAlone(_) | OverlayError::Device(_)
                )),
            }
        }
    }
}
