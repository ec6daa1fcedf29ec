//! What making containers does to the process that makes them: nothing.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::fixture::Fixture;

/// What must be the same before and after.
fn snapshot() -> Vec<String> {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let kept = [
        "Umask",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "Uid",
        "Gid",
        "Groups",
        "CapEff",
        "NoNewPrivs",
        "Seccomp",
    ];
    let mut lines: Vec<String> = status
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(&format!("{name}:"))))
        .map(String::from)
        .collect();
    lines.push(std::env::current_dir().unwrap().display().to_string());
    lines.push(fs::read_to_string("/proc/self/oom_score_adj").unwrap());
    for space in ["mnt", "pid", "net", "user", "uts", "ipc", "cgroup", "time"] {
        lines.push(fs::read_link(format!("/proc/self/ns/{space}")).unwrap().display().to_string());
    }
    lines
}

#[test]
fn is_not_changed_and_not_held_up_by_busy_threads() {
    oci_testing::needs!(user_namespaces, busybox);
    let stop = AtomicBool::new(false);
    let before = snapshot();
    let environment: Vec<_> = std::env::vars_os().collect();
    thread::scope(|scope| {
        for _ in 0..8 {
            // Threads that hold the allocator's locks most of the time: what a forked child would wait for.
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    drop(std::hint::black_box(vec![0u8; 100_000]));
                }
            });
        }
        for _ in 0..30 {
            let outcome = Fixture::new().shell("echo ran").run().unwrap();
            assert_eq!(outcome.stdout, "ran\n");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(snapshot(), before);
    // Not shown when it differs: it may hold secrets.
    assert!(environment == std::env::vars_os().collect::<Vec<_>>(), "the environment has changed");
}
