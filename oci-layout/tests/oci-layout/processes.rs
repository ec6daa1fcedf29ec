//! Many processes in one layout.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use oci_image::images::{Entry, Images};
use oci_layout::{Layout, LayoutOptions};

use crate::fixture::{directory, empty, image, names, put, read_whole, sound};
use crate::worker::{Job, Worker, job};

const WRITERS: usize = 8;

/// What stands for a writer's number in its role.
fn number(job: &Job) -> Option<usize> {
    job.role.strip_prefix("writer ").map(|number| number.parse().unwrap())
}

fn spawn_writers<F: Fn() + Copy>(test: F, layout: &Path) -> Vec<Worker> {
    (0..WRITERS).map(|number| Worker::spawn(test, &format!("writer {number}"), layout)).collect()
}

/// Calls `work` until the layout has `count` names of writers; checks that no name is ever lost.
fn until_all_are_named(layout: &Layout, count: usize, mut work: impl FnMut(Vec<Entry>)) {
    let mut seen = BTreeSet::new();
    while seen.len() < count {
        let entries = layout.list().unwrap();
        let now = entries.iter().filter_map(|entry| entry.name.clone());
        let now: BTreeSet<_> = now.filter(|name| name.contains('/')).collect();
        assert!(seen.is_subset(&now), "lost: {:?}", seen.difference(&now));
        seen = now;
        work(entries);
    }
}

#[test]
fn eight_processes_that_tag_at_once_lose_no_name() {
    const EACH: usize = 100;
    let tag = |layout: &Layout, writer: usize| {
        let image = put(layout, &writer.to_string());
        for index in 0..EACH {
            layout.tag(&format!("{writer}/{index}"), &image).unwrap();
        }
    };
    if let Some(job) = job() {
        let layout = Layout::open(&job.layout).unwrap();
        return match number(&job) {
            Some(writer) => tag(&layout, writer),
            None => until_all_are_named(&layout, WRITERS * EACH, |entries| {
                if let Some(entry) = entries.last() {
                    read_whole(&layout, &entry.descriptor);
                }
            }),
        };
    }
    let (_directory, layout) = empty();
    let this = eight_processes_that_tag_at_once_lose_no_name;
    let reader = Worker::spawn(this, "reader", layout.path());
    spawn_writers(this, layout.path()).into_iter().for_each(Worker::join);
    let names = names(&layout);
    assert_eq!(names.len(), 800);
    for writer in 0..WRITERS {
        let digest = &names[&format!("{writer}/0")];
        assert!((0..EACH).all(|index| names[&format!("{writer}/{index}")] == *digest));
        read_whole(&layout, &layout.resolve(&format!("{writer}/99")).unwrap());
    }
    reader.join();
}

#[test]
fn processes_that_write_one_blob_at_once_all_succeed() {
    const ROUNDS: usize = 50;
    let content = |round: usize| format!("round {round}").repeat(10_000);
    if let Some(job) = job() {
        let layout = Layout::open(&job.layout).unwrap();
        return (0..ROUNDS).for_each(|round| {
            let blob = put(&layout, &content(round));
            read_whole(&layout, &blob);
        });
    }
    let (_directory, layout) = empty();
    let this = processes_that_write_one_blob_at_once_all_succeed;
    spawn_writers(this, layout.path()).into_iter().for_each(Worker::join);
    let blobs = std::fs::read_dir(layout.path().join("blobs/sha256")).unwrap();
    assert_eq!(blobs.count(), ROUNDS);
}

#[test]
fn a_collector_at_work_takes_nothing_from_writers() {
    const EACH: usize = 25;
    let write = |layout: &Layout, writer: usize| {
        for index in 0..EACH {
            // A handle of its own for each, so that sessions begin and end all the time.
            let layout = Layout::open(layout.path()).unwrap();
            let kept = image(&layout, &format!("{writer}/{index}"));
            let moving = image(&layout, &format!("{writer} moves to {index}"));
            layout.tag(&format!("moving-{writer}"), &moving).unwrap();
            layout.tag(&format!("{writer}/{index}"), &kept).unwrap();
            read_whole(&layout, &kept);
            read_whole(&layout, &moving);
        }
    };
    if let Some(job) = job() {
        let layout = Layout::open(&job.layout).unwrap();
        return match number(&job) {
            Some(writer) => write(&layout, writer),
            None => until_all_are_named(&layout, WRITERS * EACH, |_| match &*job.role {
                "collector" => drop(layout.collect_garbage().unwrap()),
                _ => sound(&layout),
            }),
        };
    }
    let (_directory, layout) = empty();
    let this = a_collector_at_work_takes_nothing_from_writers;
    let others = ["collector", "collector", "checker"];
    let others = others.map(|role| Worker::spawn(this, role, layout.path()));
    spawn_writers(this, layout.path()).into_iter().for_each(Worker::join);
    others.into_iter().for_each(Worker::join);
    for entry in layout.list().unwrap() {
        read_whole(&layout, &entry.descriptor);
    }
    let garbage = layout.collect_garbage().unwrap();
    assert!(garbage.blobs.len() <= WRITERS * EACH * 3, "{}", garbage.blobs.len());
    assert_eq!(layout.fsck().unwrap(), []);
    // A config, a manifest and a layer of each that has a name.
    let left = std::fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count();
    assert_eq!(left, (WRITERS * EACH + WRITERS) * 3);
}

#[test]
fn a_collector_of_shared_blobs_takes_nothing_from_writers() {
    const EACH: usize = 10;
    let open = |place: &Path, number: usize| {
        let options = LayoutOptions::new().shared_blobs(place.join("shared"));
        options.create(place.join(if number.is_multiple_of(2) { "even" } else { "odd" })).unwrap()
    };
    if let Some(job) = job() {
        if let Some(writer) = number(&job) {
            return (0..EACH).for_each(|index| {
                let layout = open(&job.layout, writer);
                let image = image(&layout, &format!("{writer} moves to {index}"));
                layout.tag(&format!("{writer}"), &image).unwrap();
                layout.tag(&format!("{writer}/{index}"), &image).unwrap();
                read_whole(&layout, &image);
            });
        }
        let layouts = [open(&job.layout, 0), open(&job.layout, 1)];
        // Each of two collectors names them in another order.
        let mut all: Vec<_> = layouts.iter().collect();
        if job.role == "other" {
            all.reverse();
        }
        return until_all_are_named(&layouts[0], WRITERS / 2 * EACH, |_| {
            Layout::collect_shared_garbage(&all).unwrap();
        });
    }
    let directory = directory();
    std::fs::create_dir(directory.path().join("shared")).unwrap();
    let this = a_collector_of_shared_blobs_takes_nothing_from_writers;
    let layouts = [open(directory.path(), 0), open(directory.path(), 1)];
    let collectors = ["one", "other"].map(|role| Worker::spawn(this, role, directory.path()));
    spawn_writers(this, directory.path()).into_iter().for_each(Worker::join);
    collectors.into_iter().for_each(Worker::join);
    Layout::collect_shared_garbage(&[&layouts[0], &layouts[1]]).unwrap();
    for layout in &layouts {
        assert_eq!(names(layout).len(), WRITERS / 2 * (EACH + 1));
        assert_eq!(layout.fsck().unwrap(), []);
    }
    let left = std::fs::read_dir(directory.path().join("shared/sha256")).unwrap().count();
    assert_eq!(left, WRITERS * EACH * 3);
}

#[test]
fn readers_do_not_wait_for_a_writer() {
    let (_directory, layout) = empty();
    let image = image(&layout, "content");
    layout.tag("v1", &image).unwrap();
    let lock = File::open(layout.path().join(".in-flight/lock")).unwrap();
    lock.lock().unwrap();
    let (done, is_done) = std::sync::mpsc::channel();
    let path = layout.path().to_owned();
    std::thread::spawn(move || {
        let layout = Layout::open(path).unwrap();
        read_whole(&layout, &layout.resolve("v1").unwrap());
        assert_eq!(layout.referrers(&image.digest).unwrap(), []);
        assert_eq!(layout.resolve("v2").unwrap_err().kind(), std::io::ErrorKind::NotFound);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(20)).expect("the reader waits for the lock");
}
