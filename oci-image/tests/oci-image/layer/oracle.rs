//! A stream that is accepted is read the same by GNU tar and by Python's tarfile.
//!
//! The fuzz target `layer_peers` says the same of broken archives.

use std::io::Write;

use oci_image::layer::{Compression, Writer};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::peers::Peers;
use super::read::list;
use super::{accept, generate};

#[test]
fn good_archives_are_read_the_same() {
    oci_testing::needs!(gnu_tar, "python3");
    let mut peers = Peers::start().unwrap();
    for (name, archive, _) in accept::corpus() {
        let objection = peers.object(&archive, &list(&archive).unwrap()).unwrap();
        assert_eq!(objection, None, "{name}");
    }
}

#[test]
fn what_is_written_is_read_the_same() {
    oci_testing::needs!(gnu_tar, "python3");
    let mut runner = TestRunner::deterministic();
    let changes = generate::changes();
    let mut peers = Peers::start().unwrap();
    for _ in 0..60 {
        let changes = changes.new_tree(&mut runner).unwrap().current();
        let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap();
        for (change, content) in &changes {
            writer.append(change).unwrap();
            writer.write_all(content).unwrap();
        }
        let objection = peers.object(&writer.finish().unwrap().0, &changes).unwrap();
        assert!(objection.is_none(), "{}", objection.unwrap());
    }
}
