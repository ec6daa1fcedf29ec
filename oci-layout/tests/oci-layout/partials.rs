//! Blobs that are written in several goes, by several handles and processes.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt, Memory, conformance};
use oci_layout::{Archive, ArchiveWriter, Durability, Layout, LayoutOptions, PartialLimits};

use crate::fixture::{directory, empty};
use crate::worker::{Worker, job};

// covers: IMG-DESC-05, IMG-DESC-07
#[test]
fn a_layout_keeps_every_contract_of_a_store() {
    for options in [
        LayoutOptions::new(),
        LayoutOptions::new().durability(Durability::Relaxed),
        LayoutOptions::new().shared_blobs("/"),
    ] {
        let directory = directory();
        let options = match format!("{options:?}").contains("Some") {
            true => {
                let shared = directory.path().join("shared");
                fs::create_dir(&shared).unwrap();
                options.shared_blobs(shared)
            }
            false => options,
        };
        let layout = |name: &str| options.create(directory.path().join(name)).unwrap();
        conformance::sink(&layout("one")).unwrap();
        conformance::resume(|| layout("two")).unwrap();
        conformance::parts(|| layout("three")).unwrap();
    }
}

#[test]
fn archives_keep_the_contract_of_a_source() {
    let (directory, memory) = (directory(), Memory::new());
    let contents = ["", "a", &"many bytes".repeat(10_000)];
    let blobs = contents.map(|content| {
        let blob = Descriptor::of("text/plain".into(), content);
        memory.put(&blob, content.as_bytes()).unwrap();
        (blob, content.as_bytes().to_vec())
    });
    let path = directory.path().join("archive.tar");
    let archive = ArchiveWriter::new(fs::File::create(&path).unwrap()).unwrap();
    for (blob, content) in &blobs {
        archive.put(blob, content).unwrap();
    }
    archive.finish().unwrap();
    conformance::source(&Archive::open(&path).unwrap(), &blobs).unwrap();
    conformance::source(&memory, &blobs).unwrap();
}

fn half(number: u8) -> (Descriptor, Vec<u8>, Vec<u8>) {
    let content: Vec<u8> = (0..100_000_u32).map(|at| (at / 3) as u8 ^ number).collect();
    let (head, tail) = content.split_at(60_000);
    (Descriptor::of("text/plain".into(), &content), head.to_vec(), tail.to_vec())
}

/// Keeps the first part of a blob.
fn keep(layout: &Layout, number: u8) -> Descriptor {
    let (blob, head, _) = half(number);
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    writer.write_all(&head).unwrap();
    writer.keep().unwrap();
    blob
}

/// Writes what is missing, and says where it began.
fn finish(layout: &Layout, number: u8) -> u64 {
    let (blob, head, tail) = half(number);
    let content = [head, tail].concat();
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    let start = writer.start();
    writer.write_all(&content[start as usize..]).unwrap();
    writer.commit().unwrap();
    assert_eq!(layout.read(&blob, content.len()).unwrap(), content);
    start
}

fn partials(layout: &Path) -> Vec<String> {
    let names = fs::read_dir(layout.join(".in-flight")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("partial.")).collect()
}

fn file(layout: &Layout, blob: &Descriptor) -> PathBuf {
    layout.path().join(".in-flight").join(format!("partial.sha256-{}", blob.digest.encoded()))
}

fn map(layout: &Layout, blob: &Descriptor) -> PathBuf {
    let mut path = file(layout, blob).into_os_string();
    path.push(".map");
    path.into()
}

#[test]
fn what_a_killed_process_wrote_is_resumed_in_another_one() {
    let (blob, head, _) = half(1);
    if let Some(job) = job() {
        let layout = Layout::open(&job.layout).unwrap();
        let mut writer = layout.resume(&blob).unwrap().unwrap();
        writer.write_all(&head).unwrap();
        loop {
            std::thread::park();
        }
    }
    let (_directory, layout) = empty();
    let worker =
        Worker::spawn(what_a_killed_process_wrote_is_resumed_in_another_one, "", layout.path());
    let written = || fs::metadata(file(&layout, &blob)).is_ok_and(|it| it.len() == 60_000);
    while !written() {
        std::thread::yield_now();
    }
    // While it lives no other writer continues its blob, and no collector removes it.
    let other = Layout::open(layout.path()).unwrap();
    assert_eq!(other.resume(&blob).unwrap().unwrap().start(), 0);
    assert_eq!(other.collect_garbage().unwrap().partials, []);
    assert!(written());
    drop(worker);
    assert!(layout.open(&blob).unwrap().is_none());
    assert_eq!(finish(&layout, 1), 60_000);
    assert_eq!(partials(layout.path()), [""; 0]);
}

#[test]
fn the_collector_lists_and_clears_partials_that_are_not_being_written() {
    let (_directory, layout) = empty();
    let kept = keep(&layout, 1);
    let (used, head, _) = half(2);
    let mut writer = layout.resume(&used).unwrap().unwrap();
    writer.write_all(&head).unwrap();

    let other = Layout::open(layout.path()).unwrap();
    let garbage = other.garbage().unwrap();
    assert_eq!((&*garbage.partials, garbage.bytes), (std::slice::from_ref(&kept.digest), 60_000));
    assert_eq!(garbage.leftovers, [""; 0]);
    assert_eq!(other.fsck().unwrap(), []);
    assert_eq!(other.collect_garbage().unwrap(), garbage);
    assert_eq!(other.garbage().unwrap().partials, []);
    assert_eq!(finish(&other, 1), 0);
    writer.keep().unwrap();
    assert_eq!(finish(&other, 2), 60_000);
}

#[test]
fn what_is_kept_is_bounded_in_number_bytes_and_age() {
    let limits = |change: fn(&mut PartialLimits)| {
        let mut limits = PartialLimits::default();
        change(&mut limits);
        limits
    };
    for (limits, left) in [
        (limits(|it| it.number = 2), 2),
        (limits(|it| it.bytes = 179_999), 2),
        (limits(|it| it.bytes = 180_000), 3),
        (limits(|it| it.age = Duration::from_secs(3600)), 1),
        (limits(|it| it.number = 0), 0),
    ] {
        let (_directory, layout) = empty();
        let bounded = LayoutOptions::new().partials(limits).open(layout.path()).unwrap();
        let used = keep(&layout, 1);
        let writer = layout.resume(&used).unwrap().unwrap();
        for number in [2, 3] {
            let old = fs::File::options().write(true).open(file(&layout, &keep(&layout, number)));
            let hours = Duration::from_secs(2 * 3600);
            let time = std::time::SystemTime::now() - hours * (4 - u32::from(number));
            old.unwrap().set_modified(time).unwrap();
        }
        let oldest = half(2).0;
        fs::write(map(&layout, &oldest), "0 60000\n").unwrap();
        let newest = keep(&bounded, 4);
        // The one that is written is not counted.
        let names = partials(layout.path()).into_iter().filter(|name| !name.ends_with(".map"));
        assert_eq!(names.count(), left + 1, "{limits:?}");
        assert_eq!(map(&layout, &oldest).exists(), file(&layout, &oldest).exists());
        assert_eq!(file(&layout, &newest).exists(), left > 0, "{limits:?}");
        writer.keep().unwrap();
        assert_eq!(finish(&layout, 1), 60_000);
    }
}

#[test]
fn a_writer_that_resumes_removes_what_is_over_a_limit() {
    let (_directory, layout) = empty();
    keep(&layout, 1);
    keep(&layout, 2);
    let mut limits = PartialLimits::default();
    limits.number = 0;
    let bounded = LayoutOptions::new().partials(limits).open(layout.path()).unwrap();
    let writer = bounded.resume(&half(3).0).unwrap();
    let own = format!("partial.sha256-{}", half(3).0.digest.encoded());
    assert_eq!(partials(layout.path()), [own]);
    drop(writer);
}

#[test]
fn a_writer_that_wrote_nothing_keeps_nothing() {
    let (_directory, layout) = empty();
    layout.resume(&half(1).0).unwrap().unwrap().keep().unwrap();
    assert_eq!(partials(layout.path()), [""; 0]);
}

#[test]
fn what_was_kept_and_cannot_be_true_is_dropped() {
    let map = |layout: &Layout, text: &str| fs::write(map(layout, &half(1).0), text).unwrap();
    type Damage<'a> = &'a dyn Fn(&Layout, &Path);
    let damages: [(&str, Damage, u64); 7] = [
        ("nothing", &|_, _| {}, 60_000),
        ("longer than the blob", &|_, path| fs::write(path, [0; 100_001]).unwrap(), 0),
        (
            "empty, with a map",
            &|layout, path| {
                map(layout, "0 60000\n");
                fs::write(path, "").unwrap();
            },
            0,
        ),
        ("a map of more than there is", &|layout, _| map(layout, "0 60001\n"), 0),
        ("no map", &|layout, _| map(layout, "something\n"), 0),
        ("a map of less", &|layout, _| map(layout, "0 10\n50 60\n"), 10),
        ("a map of nothing", &|layout, _| map(layout, ""), 0),
    ];
    for (name, damage, start) in damages {
        let (_directory, layout) = empty();
        let blob = keep(&layout, 1);
        damage(&layout, &file(&layout, &blob));
        assert_eq!(finish(&layout, 1), start, "{name}");
        assert_eq!(partials(layout.path()), [""; 0], "{name}");
    }
}

#[test]
fn no_symbolic_link_is_followed_to_a_partial() {
    let (directory, layout) = empty();
    let blob = keep(&layout, 1);
    let outside = directory.path().join("outside");
    fs::rename(file(&layout, &blob), &outside).unwrap();
    symlink(&outside, file(&layout, &blob)).unwrap();
    assert_eq!(layout.resume(&blob).err().unwrap().kind(), ErrorKind::InvalidData);
    assert_eq!(fs::metadata(&outside).unwrap().len(), 60_000);
}

#[test]
fn a_map_without_its_file_is_a_leftover() {
    let (_directory, layout) = empty();
    keep(&layout, 1);
    let name = format!(".in-flight/partial.sha256-{}.map", half(2).0.digest.encoded());
    fs::write(layout.path().join(&name), "0 1\n").unwrap();
    let garbage = layout.collect_garbage().unwrap();
    assert_eq!(garbage.leftovers, [name]);
    assert_eq!(partials(layout.path()), [""; 0]);
}
