//! Many threads of one busy program that make, enter and delete containers at once.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use oci_runtime::{Bundle, Container, Stdio};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use tokio::task::{JoinSet, spawn_blocking, yield_now};

use super::exec::shell;
use super::fixture::{Fixture, chain};

/// As many of the caller's threads are in the crate at once.
const THREADS: usize = 64;

/// How many containers and how many processes are made in all. This variable says another number.
const COUNT: (&str, usize) = ("OCI_TEST_THREADS", THREADS);

/// How long that may take, in seconds.
const LIMIT: &str = "900";

#[test]
fn containers_of_many_threads_leave_nothing() {
    oci_testing::needs!(root, cgroups, busybox);
    in_a_process_of_its_own("in_a_busy_program_containers_come_and_go");
}

#[test]
fn processes_of_many_threads_leave_nothing() {
    oci_testing::needs!(root, cgroups, busybox);
    in_a_process_of_its_own("in_a_busy_program_processes_come_and_go");
}

/// Other tests have children and descriptors, too.
fn in_a_process_of_its_own(test: &str) {
    let output = Command::new("timeout")
        .arg(LIMIT)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("container::threads::{test}"), "--nocapture"])
        .env("OCI_TEST_ALONE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

fn is_alone() -> bool {
    std::env::var_os("OCI_TEST_ALONE").is_some()
}

/// In a process of its own: started by the test above.
#[test]
fn in_a_busy_program_containers_come_and_go() {
    oci_testing::needs!(root, cgroups, busybox);
    if !is_alone() {
        return;
    }
    let fixture = Arc::new(Fixture::new().shell("exit 7"));
    // The copy of the program that becomes the init, which stays, is made now.
    container(&fixture, 0);
    let before = descriptors();
    let shared = fixture.clone();
    from_many_threads(move |number| container(&shared, number + 1));
    assert_eq!((descriptors(), has_children()), (before, false));
    assert!(fixture.runtime.list().unwrap().is_empty());
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// One container from its creation to its deletion.
fn container(fixture: &Fixture, number: usize) {
    let id = format!("{}-{number}", fixture.id);
    let mut spec = fixture.spec.clone();
    spec.linux.as_mut().unwrap().cgroups_path = Some(format!("/oci-test/{}/{number}", fixture.id));
    let bundle = Bundle::new(fixture.dir.path(), spec);
    let container = fixture.runtime.create(&id, &bundle, Stdio::null());
    let container = container.map_err(|error| chain(&error)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.wait().unwrap().code(), Some(7));
    container.delete().map_err(|error| chain(&error)).unwrap();
}

/// In a process of its own: started by the test above.
#[test]
fn in_a_busy_program_processes_come_and_go() {
    oci_testing::needs!(root, cgroups, busybox);
    if !is_alone() {
        return;
    }
    let fixture = Fixture::new().shell("exec sleep 1000");
    let container = Arc::new(fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap());
    container.start().unwrap();
    process(&container);
    let before = descriptors();
    let processes = container.processes().unwrap();
    let shared = container.clone();
    from_many_threads(move |_| process(&shared));
    assert_eq!(descriptors(), before);
    assert_eq!(container.processes().unwrap(), processes);
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    assert!(!has_children());
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// One more process in a container, to its end.
fn process(container: &Container) {
    let process = container.exec(shell("exit 7"), Stdio::null());
    let process = process.map_err(|error| chain(&error)).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(7));
}

/// Does something as often as is asked for, in as many threads, while all others of tokio allocate.
fn from_many_threads(work: impl Fn(usize) + Send + Sync + 'static) {
    let count = std::env::var(COUNT.0).map_or(COUNT.1, |number| number.parse().unwrap());
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .max_blocking_threads(THREADS)
        .build()
        .unwrap();
    let (work, done, next) =
        (Arc::new(work), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    tokio.block_on(async {
        let mut busy = JoinSet::new();
        for _ in 0..4 {
            let done = done.clone();
            busy.spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    drop(std::hint::black_box(vec![0u8; 100_000]));
                    yield_now().await;
                }
            });
        }
        let mut threads = JoinSet::new();
        for _ in 0..THREADS {
            let (work, next) = (work.clone(), next.clone());
            threads.spawn(async move {
                let work = move || {
                    let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                    numbers.take_while(|number| *number < count).for_each(|number| work(number));
                };
                spawn_blocking(work).await.unwrap();
            });
        }
        while let Some(ended) = threads.join_next().await {
            ended.unwrap();
        }
        done.store(true, Ordering::Relaxed);
        while busy.join_next().await.is_some() {}
    });
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}
