use rustix::process::{Pid, PidfdFlags, pidfd_open};

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
    let pid = child.id().cast_signed();
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    let mut record = Record::new(id);
    record.set_process(pid, &pidfd).unwrap();
    // By the inode number or, before Linux 6.9, by the time that `/proc` has.
    let without_inode = Record { inode: None, ..record.clone() };
    let without_time = Record { begun: None, ..record.clone() };
    let records =
        || [&record, &without_inode, &without_time].map(|record| record.process().unwrap());
    let has_inodes = record.inode.is_some();
    let alive = |process: &Process| matches!(process, Process::Alive(_));
    assert!(records()[..2 + usize::from(has_inodes)].iter().all(alive));
    assert!(record.has_process_of(&record.clone()));
    // The number is the same, but the process that was noted began at another time, or before the last boot.
    let recycled =
        Record { begun: record.begun.map(|begun| begun + 1), inode: None, ..record.clone() };
    let reopened = Record { inode: record.inode.map(|inode| inode + 1), ..record.clone() };
    let rebooted = Record { boot: "another".into(), ..record.clone() };
    let other = Record { pid: Some(std::process::id().cast_signed()), ..record.clone() };
    let others = [(recycled, "recycled"), (rebooted, "rebooted"), (other, "other")];
    for (other, name) in others.into_iter().chain(has_inodes.then_some((reopened, "reopened"))) {
        assert!(matches!(other.process().unwrap(), Process::Gone), "{name}");
        assert!(!other.has_process_of(&record) && !record.has_process_of(&other), "{name}");
    }
    child.kill().unwrap();
    assert!(until_ended(pidfd.as_fd(), None).unwrap());
    assert!(matches!(record.process().unwrap(), Process::Zombie(_)));
    child.wait().unwrap();
    assert!(matches!(record.process().unwrap(), Process::Gone));
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
            let entry = Entry::open(dir.path(), &id, Deadline::default());
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
                drop(Entry::open(dir.path(), &id, Deadline::default()));
            }
        });
        let made =
            (0..300).try_for_each(|_| Entry::create(dir.path(), Record::new(id.clone()))?.remove());
        stop.store(true, Ordering::Relaxed);
        made.unwrap();
    });
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn only_their_owner_enters_and_reads_what_is_kept_of_containers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/runtime");
    crate::Runtime::open(&path).unwrap();
    let id = ContainerId::try_from("one").unwrap();
    Entry::create(&path, Record::new(id)).unwrap().save_spec(&Spec::linux_default()).unwrap();
    let container = path.join("one");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    for directory in [&dir.path().join("new"), &path, &container] {
        assert_eq!(mode(directory), 0o700, "{}", directory.display());
    }
    for name in [RECORD, CONFIG, LOCK] {
        assert_eq!(mode(&container.join(name)), 0o600, "{name}");
    }
}
