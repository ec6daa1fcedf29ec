use super::*;

#[test]
fn the_lock_of_a_deleted_container_is_not_taken_for_that_of_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let old = open_lock(dir.path()).unwrap();
    let path = dir.path().join(LOCK);
    assert!(is_at(&old, &path).unwrap());
    fs::rename(&path, dir.path().join("deleted")).unwrap();
    assert!(!is_at(&old, &path).unwrap());
    let new = open_lock(dir.path()).unwrap();
    assert!(!is_at(&old, &path).unwrap());
    assert!(is_at(&new, &path).unwrap());
}

#[test]
fn a_record_finds_the_process_that_it_noted_and_no_other() {
    let id = ContainerId::try_from("one").unwrap();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let mut record = Record::new(id);
    record.set_process(child.id().cast_signed()).unwrap();
    assert!(record.pidfd().is_some());
    assert!(record.has_process_of(&record.clone()));
    // The number is the same, but the process that was noted began at another time, or before the last boot.
    let recycled = Record { begun: record.begun.map(|begun| begun + 1), ..record.clone() };
    let rebooted = Record { boot: "another".into(), ..record.clone() };
    let other = Record { pid: Some(std::process::id().cast_signed()), ..record.clone() };
    for (other, name) in [(recycled, "recycled"), (rebooted, "rebooted"), (other, "other")] {
        assert!(other.pidfd().is_none() && other.pidfd_or_zombie().is_none(), "{name}");
        assert!(!other.has_process_of(&record) && !record.has_process_of(&other), "{name}");
    }
    child.kill().unwrap();
    let ended = || record.pidfd().is_none() && record.pidfd_or_zombie().is_some();
    while !ended() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.wait().unwrap();
    assert!(record.pidfd_or_zombie().is_none());
}

#[test]
fn the_lock_of_a_deleted_container_is_not_that_of_the_next_one() {
    use std::sync::mpsc;
    use std::time::Duration;
    let dir = tempfile::tempdir().unwrap();
    let id = ContainerId::try_from("one").unwrap();
    let made = || {
        let record = Record { phase: Phase::Created, ..Record::new(id.clone()) };
        Entry::create(dir.path(), record).unwrap()
    };
    let first = made();
    let (sender, opened) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let entry = Entry::open(dir.path(), &id);
            sender.send(()).unwrap();
            entry.unwrap();
        });
        // Long enough for the other thread to wait for the lock of the first.
        std::thread::sleep(Duration::from_millis(200));
        first.remove().unwrap();
        let second = made();
        drop(first);
        let early = opened.recv_timeout(Duration::from_millis(300));
        drop(second);
        assert!(early.is_err(), "two hold the lock of one container");
        opened.recv_timeout(Duration::from_secs(20)).unwrap();
    });
}

#[test]
fn readers_do_not_keep_a_container_from_being_removed() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let id = ContainerId::try_from("one").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                drop(Entry::open(dir.path(), &id));
            }
        });
        let made =
            (0..300).try_for_each(|_| Entry::create(dir.path(), Record::new(id.clone()))?.remove());
        stop.store(true, Ordering::Relaxed);
        made.unwrap();
    });
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
