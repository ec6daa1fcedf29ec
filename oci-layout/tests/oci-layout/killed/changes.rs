//! Names that change, garbage that is collected, and faults that are repaired.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use oci_image::images::Images;
use oci_image::{Descriptor, Digest, MediaType};
use oci_layout::{FaultKind, Layout};

use super::{Injection, Scenario, layout, sweep, tidy};
use crate::fixture::{image, index_of, names, put, read_whole, sound};

/// A tag that moves, one that is taken away, and an image that loses all of its names.
const NAMES: Scenario = Scenario {
    prepare: |place| {
        let layout = Layout::create(place.join("layout")).unwrap();
        for name in ["v1", "v2", "v3"] {
            layout.tag(name, &image(&layout, name)).unwrap();
        }
    },
    steps: NAMINGS,
    check: |place, told| _ = namings_done(place, told),
    go_on: |place| {
        let done = namings_done(place, 0);
        NAMINGS.iter().skip(done).try_for_each(|step| step(place)).unwrap();
        assert_eq!(namings_done(place, NAMINGS.len()), NAMINGS.len());
        tidy(layout(place));
        assert_eq!(blobs(place), 0);
    },
};

const NAMINGS: &[fn(&Path) -> std::io::Result<()>] = &[
    |place| {
        let layout = Layout::open(place.join("layout"))?;
        Ok(layout.tag("v1", &layout.resolve("v3")?)?)
    },
    |place| {
        Layout::open(place.join("layout"))?.untag("v2")?;
        Ok(())
    },
    |place| {
        let layout = Layout::open(place.join("layout"))?;
        layout.remove(&layout.resolve("v3")?.digest)?;
        Ok(())
    },
];

/// How many of the namings are done, at least `told` of.
fn namings_done(place: &Path, told: usize) -> usize {
    let layout = layout(place);
    sound(&layout);
    let names = names(&layout);
    let [v1, v2, v3] = ["v1", "v2", "v3"].map(meant);
    let state = |names: &[(&str, &Digest)]| -> BTreeMap<String, Digest> {
        names.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).clone())).collect()
    };
    let states = [
        state(&[("v1", &v1), ("v2", &v2), ("v3", &v3)]),
        state(&[("v1", &v3), ("v2", &v2), ("v3", &v3)]),
        state(&[("v1", &v3), ("v3", &v3)]),
        state(&[]),
    ];
    let done = states.iter().position(|state| *state == names).expect("no state of them");
    assert!(done >= told, "{done} done");
    done
}

/// The image of one layer with this content.
fn meant(content: &str) -> Digest {
    let (_directory, layout) = crate::fixture::empty();
    image(&layout, content).digest
}

/// Images that the index does not name, and what a writer left when it died.
const GARBAGE: Scenario = Scenario {
    prepare: |place| {
        let layout = kept(place);
        let _lost = index_of(&layout, vec![image(&layout, "lost"), image(&layout, "lost too")]);
        leave(place);
    },
    steps: &[|place| {
        Layout::open(place.join("layout"))?.collect_garbage()?;
        Ok(())
    }],
    check: |place, told| {
        is_kept(place);
        sound(&layout(place));
        if told == 1 {
            assert_eq!(layout(place).fsck().unwrap(), []);
        }
    },
    go_on: |place| {
        tidy(layout(place));
        is_kept(place);
        assert_eq!(blobs(place), 3);
    },
};

/// A blob that is damaged, and what a writer left when it died.
const REPAIR: Scenario = Scenario {
    prepare: |place| {
        let layout = kept(place);
        layout.tag("broken", &image(&layout, "whole")).unwrap();
        fs::write(place.join("layout/blobs/sha256").join(broken().digest.encoded()), "WHOLE")
            .unwrap();
        leave(place);
    },
    steps: &[|place| {
        let layout = Layout::open(place.join("layout"))?;
        let repaired = layout.repair(&layout.fsck()?)?;
        // What cannot be read is not touched.
        let is_gone = repaired.iter().any(|fault| fault.kind == FaultKind::Content);
        if is_gone { Ok(()) } else { Err(std::io::Error::other("it is not repaired")) }
    }],
    check: |place, told| {
        is_kept(place);
        for fault in layout(place).fsck().unwrap() {
            match fault.kind {
                FaultKind::Missing => assert_eq!(fault.digest, Some(broken().digest)),
                FaultKind::Content => assert_eq!((fault.digest, told), (Some(broken().digest), 0)),
                // The worker's own may be beside it.
                FaultKind::Leftover => assert_eq!(told, 0),
                _ => panic!("{fault}"),
            }
        }
    },
    go_on: |place| {
        let layout = layout(place);
        layout.repair(&layout.fsck().unwrap()).unwrap();
        layout.repair(&layout.fsck().unwrap()).unwrap();
        put_broken(&layout);
        tidy(layout);
        is_kept(place);
        assert_eq!(blobs(place), 6);
    },
};

/// A layout with an image `kept`.
fn kept(place: &Path) -> Layout {
    let layout = Layout::create(place.join("layout")).unwrap();
    layout.tag("kept", &image(&layout, "kept")).unwrap();
    layout
}

fn is_kept(place: &Path) {
    let layout = layout(place);
    read_whole(&layout, &layout.resolve("kept").unwrap());
}

fn broken() -> Descriptor {
    Descriptor::of(MediaType::LAYER_TAR, "whole")
}

fn put_broken(layout: &Layout) {
    assert_eq!(put(layout, "whole").digest, broken().digest);
}

/// Files of a session whose process is gone.
fn leave(place: &Path) {
    let work = place.join("layout/.in-flight");
    fs::write(work.join("0123456789abcdef"), format!("{}\n", broken().digest)).unwrap();
    fs::write(work.join("0123456789abcdef.0"), "half a bl").unwrap();
}

fn blobs(place: &Path) -> usize {
    fs::read_dir(place.join("layout/blobs/sha256")).unwrap().count()
}

#[test]
fn names_are_those_before_or_after_wherever_it_is_killed() {
    oci_testing::needs!("strace");
    sweep(names_are_those_before_or_after_wherever_it_is_killed, &NAMES, Injection::Kill);
}

#[test]
fn names_are_those_before_or_after_whichever_call_fails() {
    oci_testing::needs!("strace");
    sweep(names_are_those_before_or_after_whichever_call_fails, &NAMES, Injection::Fail);
}

#[test]
fn a_collector_takes_nothing_that_is_needed_wherever_it_is_killed() {
    oci_testing::needs!("strace");
    let this = a_collector_takes_nothing_that_is_needed_wherever_it_is_killed;
    sweep(this, &GARBAGE, Injection::Kill);
}

#[test]
fn a_collector_takes_nothing_that_is_needed_whichever_call_fails() {
    oci_testing::needs!("strace");
    let this = a_collector_takes_nothing_that_is_needed_whichever_call_fails;
    sweep(this, &GARBAGE, Injection::Fail);
}

#[test]
fn a_repair_takes_nothing_that_is_whole_wherever_it_is_killed() {
    oci_testing::needs!("strace");
    sweep(a_repair_takes_nothing_that_is_whole_wherever_it_is_killed, &REPAIR, Injection::Kill);
}

#[test]
fn a_repair_takes_nothing_that_is_whole_whichever_call_fails() {
    oci_testing::needs!("strace");
    sweep(a_repair_takes_nothing_that_is_whole_whichever_call_fails, &REPAIR, Injection::Fail);
}
