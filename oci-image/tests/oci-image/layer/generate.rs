//! Any changes that a layer can hold.

use std::collections::BTreeMap;

use oci_image::layer::{Change, Device, Entry, EntryPath, Kind, Metadata, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Changes with the content of files, in canonical order, each once.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(Change, Vec<u8>)>> {
    vec(change(), 0..12).prop_map(|mut changes| {
        changes.sort_by(|(one, _), (other, _)| one.canonical_cmp(other));
        changes.dedup_by(|(one, _), (other, _)| one.canonical_cmp(other).is_eq());
        changes
    })
}

fn change() -> impl Strategy<Value = (Change, Vec<u8>)> {
    prop_oneof![
        1 => path().prop_map(|path| (Change::Whiteout(path), Vec::new())),
        1 => path().prop_map(|path| (Change::Opaque(path), Vec::new())),
        8 => (path(), kind(), metadata(), content()).prop_map(|(path, kind, metadata, content)| {
            let (kind, content) = match kind {
                Kind::File { .. } => (Kind::File { size: content.len() as u64 }, content),
                other => (other, Vec::new()),
            };
            (Entry::new(path, kind, metadata).into(), content)
        }),
    ]
}

fn path() -> impl Strategy<Value = EntryPath> {
    vec(name(), 1..5)
        .prop_map(|names| names.iter().fold(EntryPath::ROOT, |path, name| path.join(name).unwrap()))
}

/// Short and long names, plain and odd ones.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-c]".prop_map(String::into_bytes),
        "[a-z]{90,255}".prop_map(String::into_bytes),
        "[äöü€\u{1f600} =\n]{1,20}".prop_map(String::into_bytes),
        vec(any::<u8>().prop_filter("no separator", |byte| !matches!(byte, 0 | b'/')), 1..40),
    ]
    .prop_filter("no name", |name| !matches!(&name[..], b"." | b"..") && !name.starts_with(b".wh."))
}

fn kind() -> impl Strategy<Value = Kind> {
    let number = || 0..0o10_000_000u32;
    prop_oneof![
        Just(Kind::File { size: 0 }),
        Just(Kind::File { size: 0 }),
        Just(Kind::Directory),
        Just(Kind::Fifo),
        target().prop_map(|target| Kind::Symlink { target }),
        path().prop_map(|target| Kind::Hardlink { target }),
        (number(), number()).prop_map(|(major, minor)| Kind::CharDevice(Device { major, minor })),
        (number(), number()).prop_map(|(major, minor)| Kind::BlockDevice(Device { major, minor })),
    ]
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=255u8, 1..300)
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let id = || prop_oneof![Just(0), 0..u32::MAX];
    let time = prop_oneof![
        (0..2_000_000_000i64, Just(0)),
        (-9_000_000_000..90_000_000_000i64, 0..1_000_000_000u32)
    ];
    (0..=0o7777u32, id(), id(), time, xattrs()).prop_map(|(mode, uid, gid, time, xattrs)| {
        let mut metadata = Metadata::new(mode);
        (metadata.uid, metadata.gid) = (uid, gid);
        metadata.mtime = Timestamp::new(time.0, time.1).unwrap();
        metadata.xattrs = xattrs;
        metadata
    })
}

fn xattrs() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let name = "(user|trusted|security)\\.[a-z.]{1,30}".prop_map(String::into_bytes);
    prop_oneof![3 => Just(BTreeMap::new()), 1 => btree_map(name, vec(any::<u8>(), 0..200), 0..4)]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 1..2000),
        (any::<u8>(), 1..600_000usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}
