//! Stacks of any layers over few names: what one has, the next replaces, hides, links to and leads through.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use oci_testing::tar::{Tar, header};

/// The same cases each time; a longer search for new ones is asked for with OCI_TEST_CASES.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let long = std::env::var("OCI_TEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let rng_seed = if long.is_some() { RngSeed::Random } else { RngSeed::Fixed(1) };
    let cases = long.unwrap_or(cases);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..Default::default() }
}

/// An entry's path, what it is, and what else there is to say of it.
type Entry = (String, Kind, u64);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink(String),
    Hardlink(String),
    Whiteout,
    Opaque,
    OpaqueRoot,
}

fn entry() -> impl Strategy<Value = Entry> {
    let path = || {
        let name = prop::sample::select(vec!["a", "b", "c"]);
        prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
    };
    let target = (path(), prop::sample::select(vec!["", "/", "../"]))
        .prop_map(|(path, start)| format!("{start}{path}"));
    let kind = prop_oneof![
        16 => Just(Kind::File),
        12 => Just(Kind::Directory),
        8 => target.prop_map(Kind::Symlink),
        // Of many, one leads nowhere, and nothing comes of the stack.
        4 => path().prop_map(Kind::Hardlink),
        8 => Just(Kind::Whiteout),
        4 => Just(Kind::Opaque),
        1 => Just(Kind::OpaqueRoot),
    ];
    (path(), kind, 0..1000u64)
}

/// Any stack, the base first, with entries in any order.
pub(crate) fn stack() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    prop::collection::vec(prop::collection::vec(entry(), 0..12), 1..4)
}

pub(crate) fn archives(stack: &[Vec<Entry>]) -> Vec<Vec<u8>> {
    let archive = |layer: &Vec<Entry>| layer.iter().fold(Tar::new(), add).end();
    stack.iter().map(archive).collect()
}

fn add(tar: Tar, (path, kind, more): &Entry) -> Tar {
    let (directory, name) = match path.rsplit_once('/') {
        Some((directory, name)) => (format!("{directory}/"), name),
        None => (String::new(), &**path),
    };
    let add = |kind| header(kind, path).mtime(*more);
    match kind {
        Kind::File => tar.with(add(b'0'), more.to_string()),
        Kind::Directory => tar.entry(add(b'5').mode(0o700 + *more as u32 % 64)),
        Kind::Symlink(target) => tar.entry(add(b'2').mode(0o777).link(target)),
        Kind::Hardlink(target) => tar.entry(add(b'1').link(target)),
        Kind::Whiteout => tar.file(format!("{directory}.wh.{name}"), ""),
        Kind::Opaque => tar.file(format!("{path}/.wh..wh..opq"), ""),
        Kind::OpaqueRoot => tar.file(".wh..wh..opq", ""),
    }
}
