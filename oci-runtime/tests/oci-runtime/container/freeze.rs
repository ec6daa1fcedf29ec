//! Containers that are frozen, by their owner or by others, and that are stuck otherwise: their owner is not.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oci_runtime::spec::{Hook, Hooks, Status};
use oci_runtime::{ErrorKind, Signal, Stdio};

use super::fixture::{Fixture, chain};

/// A cgroup that freezes, with the words of its hierarchy.
struct Freezer {
    directory: PathBuf,
    file: &'static str,
    words: [&'static str; 2],
}

impl Freezer {
    /// At this path of the hierarchy that freezes.
    fn at(path: &str) -> Self {
        let v1 = Path::new("/sys/fs/cgroup/freezer");
        if v1.is_dir() {
            let words = ["THAWED", "FROZEN"];
            return Self { directory: v1.join(path), file: "freezer.state", words };
        }
        let directory = Path::new("/sys/fs/cgroup").join(path);
        Self { directory, file: "cgroup.freeze", words: ["0", "1"] }
    }

    fn set(&self, frozen: bool) {
        fs::write(self.directory.join(self.file), self.words[usize::from(frozen)]).unwrap();
    }
}

#[test]
fn sigkill_ends_a_paused_container() {
    oci_testing::needs!(root, cgroups, busybox);
    type Kill = fn(&oci_runtime::Container) -> Result<(), oci_runtime::Error>;
    let kills: [Kill; 2] =
        [|container| container.kill(Signal::KILL), |container| container.signal_all(Signal::KILL)];
    for kill in kills {
        let fixture = Fixture::new().shell("exec sleep 1000");
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        container.start().unwrap();
        container.pause().unwrap();
        kill(&container).map_err(|error| chain(&error)).unwrap();
        assert_eq!(container.state().unwrap().status, Status::Stopped);
        assert_eq!(container.wait().unwrap().signal(), Some(9));
        container.delete().map_err(|error| chain(&error)).unwrap();
    }
}

#[test]
fn only_what_runs_is_paused_and_only_what_is_paused_is_resumed() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let refused = |result: Result<(), oci_runtime::Error>, doing: &str, reason: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert_eq!(
            error.to_string(),
            format!("cannot {doing} container `{}`: {reason}", fixture.id)
        );
    };
    refused(container.resume(), "resume", "it is not paused");
    container.pause().unwrap();
    refused(container.pause(), "pause", "it is `paused`");
    container.resume().unwrap();
    container.kill(Signal::KILL).unwrap();
    refused(container.pause(), "pause", "it is `stopped`");
    refused(container.resume(), "resume", "it is not paused");
    container.delete().map_err(|error| chain(&error)).unwrap();
}

#[test]
fn what_a_container_froze_itself_is_deleted() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let pid = container.state().unwrap().pid.unwrap();
    let inner = Freezer::at(&format!("oci-test/{}/inner", fixture.id));
    fs::create_dir(&inner.directory).unwrap();
    fs::write(inner.directory.join("cgroup.procs"), pid.to_string()).unwrap();
    inner.set(true);
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn a_frozen_cgroup_above_is_named_and_nobody_waits_for_it() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    let name = format!("oci-test/frozen-{}", fixture.id);
    fixture.spec.linux.as_mut().unwrap().cgroups_path = Some(format!("/{name}/one"));
    let above = Freezer::at(&name);
    fs::create_dir_all(&above.directory).unwrap();
    above.set(true);
    let begun = Instant::now();
    let created = fixture.create(Stdio::null()).map(drop).map_err(|error| chain(&error));
    above.set(false);
    let shown = above.directory.display();
    let error = created.unwrap_err();
    assert!(error.ends_with(&format!(": cgroup `{shown}` is frozen: thaw it")), "{error}");

    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    above.set(true);
    let deleted = container.force_delete().map_err(|error| chain(&error));
    let resumed = container.resume().map_err(|error| chain(&error));
    above.set(false);
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    fs::remove_dir(&above.directory).unwrap();
    if above.file == "freezer.state" {
        let error = deleted.unwrap_err();
        assert!(error.contains(&format!("when cgroup `{shown}` is thawed")), "{error}");
        let error = resumed.unwrap_err();
        assert!(error.ends_with(&format!("cgroup `{shown}` above is frozen: thaw it")), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_start_that_does_not_end_is_ended_by_deletion() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    let mut hook = Hook::new("/bin/sh".into());
    hook.args = ["sh", "-c", "echo > /tmp/begun; sleep 1000"].map(String::from).to_vec();
    hook.env = vec!["PATH=/bin".into()];
    let mut hooks = Hooks::new();
    hooks.start_container = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| container.start());
        while !fixture.rootfs().join("tmp/begun").exists() {
            std::thread::yield_now();
        }
        let found = fixture.runtime.container(&fixture.id).unwrap();
        assert_eq!(found.state().unwrap().status, Status::Created);
        found.force_delete().map_err(|error| chain(&error)).unwrap();
        let _ = starting.join().unwrap();
    });
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn a_container_that_never_ran_is_never_running() {
    oci_testing::needs!(user_namespaces, busybox);
    for _ in 0..25 {
        let fixture = Fixture::new();
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        let found = fixture.runtime.container(&fixture.id).unwrap();
        found.kill(Signal::KILL).unwrap();
        assert_eq!(found.state().unwrap().status, Status::Stopped);
        assert_eq!(found.start().unwrap_err().kind(), ErrorKind::State);
        found.delete().map_err(|error| chain(&error)).unwrap();
        drop(container);
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}

/// `/proc` shows no process of another user, and this one may not look past that: containers are alive all the same.
#[test]
fn a_process_that_proc_hides_is_alive() {
    oci_testing::needs!(root, busybox, "unshare", "setpriv");
    let test = std::env::current_exe().unwrap();
    let line = format!(
        "mount -t proc -o hidepid=2,gid=4242 proc /proc && exec setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace \
         env OCI_TEST_HIDDEN=1 {} --exact container::freeze::of_a_caller_without_proc --nocapture",
        test.display()
    );
    let output =
        std::process::Command::new("unshare").args(["-m", "sh", "-c", &line]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_without_proc() {
    oci_testing::needs!(root, cgroups, busybox);
    if std::env::var_os("OCI_TEST_HIDDEN").is_none() {
        return;
    }
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    fixture.spec.process.as_mut().unwrap().user = Some(oci_runtime::spec::User::posix(1000, 1000));
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    let state = container.state().unwrap();
    assert!(fs::read(format!("/proc/{}/stat", state.pid.unwrap())).is_err(), "it is not hidden");
    assert_eq!(state.status, Status::Running);
    assert_eq!(container.delete().unwrap_err().kind(), ErrorKind::State);
    let found = fixture.runtime.container(&fixture.id).unwrap();
    found.kill(Signal::KILL).unwrap();
    assert_eq!(found.state().unwrap().status, Status::Stopped);
    found.delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
}
