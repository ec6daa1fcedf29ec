//! New limits for containers that exist, and all their processes.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use oci_runtime::spec::Status;
use oci_runtime::spec::linux::{Device, DeviceType, NamespaceType, Resources};
use oci_runtime::{ErrorKind, Signal, Stdio};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::exec::{shell, within};
use super::fixture::{Fixture, chain};

pub(super) fn resources(json: &str) -> Resources {
    oci_image::json::from_slice(json.as_bytes()).unwrap()
}

/// A file of the container's cgroup, of whichever version has it.
fn file(fixture: &Fixture, controller: &str, names: [&str; 2]) -> PathBuf {
    let v1 =
        PathBuf::from(format!("/sys/fs/cgroup/{controller}/oci-test/{}/{}", fixture.id, names[0]));
    let v2 = PathBuf::from(format!("/sys/fs/cgroup/oci-test/{}/{}", fixture.id, names[1]));
    if v1.exists() { v1 } else { v2 }
}

fn value(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap().trim().into()
}

const MEMORY: [&str; 2] = ["memory.limit_in_bytes", "memory.max"];
const PIDS: [&str; 2] = ["pids.max", "pids.max"];

#[test]
fn statistics_tell_the_use_and_the_limits() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("while :; do :; done");
    within(&fixture, |container| {
        let stats = || container.stats().unwrap();
        assert_eq!((stats().memory.usage.limit, stats().pids.limit), (None, None));
        let limits = r#"{"memory":{"limit":67108864},"pids":{"limit":20},"cpu":{"period":20000,"quota":1000}}"#;
        container.update(&resources(limits)).map_err(|error| chain(&error)).unwrap();
        assert_eq!(stats().memory.usage.limit, Some(64 << 20));
        assert_eq!((stats().pids.current, stats().pids.limit), (Some(1), Some(20)));
        // It is held back in the end, as it never stops.
        while stats().cpu.throttling.throttled_time.unwrap() == 0 {}
        while stats().cpu.usage.user.unwrap() == 0 {}
        let stats = stats();
        let throttling = stats.cpu.throttling;
        assert!(throttling.periods >= throttling.throttled_periods);
        assert!(throttling.throttled_periods > Some(0));
        assert!(stats.cpu.usage.total > Some(0) && stats.cpu.usage.kernel.is_some());
        assert!(stats.memory.cache.is_some() && !stats.memory.raw.is_empty());
        assert_eq!(stats.memory.usage.failcnt, Some(0));
        // Version 1 counts each processor, version 2 how long processes waited, and a hybrid of them both.
        assert!(stats.cpu.psi.is_some() || !stats.cpu.usage.percpu.is_empty());
    });
}

#[test]
fn limits_change_in_any_order_while_a_container_runs_and_while_it_is_paused() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 100");
    let limits = r#"{"memory":{"limit":33554432,"swap":33554432},"pids":{"limit":20}}"#;
    fixture.spec.linux.as_mut().unwrap().resources = Some(resources(limits));
    within(&fixture, |container| {
        let (memory, pids) = (file(&fixture, "memory", MEMORY), file(&fixture, "pids", PIDS));
        for (limit, most) in [(67_108_864, 30), (16_777_216, 10)] {
            // Both limits rise, then both fall: the kernel takes them in opposite orders.
            let text = format!(
                r#"{{"memory":{{"limit":{limit},"swap":{limit}}},"pids":{{"limit":{most}}}}}"#
            );
            container.update(&resources(&text)).map_err(|error| chain(&error)).unwrap();
            assert_eq!([value(&memory), value(&pids)], [limit.to_string(), most.to_string()]);
        }
        container.pause().unwrap();
        container.update(&resources(r#"{"pids":{"limit":40}}"#)).unwrap();
        assert_eq!([value(&memory), value(&pids)], ["16777216", "40"]);
        container.resume().unwrap();
        let now = container.spec().unwrap().linux.unwrap().resources.unwrap();
        let expected = r#"{"memory":{"limit":16777216,"swap":16777216},"pids":{"limit":40}}"#;
        assert_eq!((now.memory, now.pids), {
            let expected = resources(expected);
            (expected.memory, expected.pids)
        });
    });
}

#[test]
fn limits_stay_where_one_of_the_new_ones_cannot_be_set() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 100");
    let limits = r#"{"memory":{"limit":33554432,"swap":33554432},"pids":{"limit":20}}"#;
    fixture.spec.linux.as_mut().unwrap().resources = Some(resources(limits));
    within(&fixture, |container| {
        let (before, pids) = (container.spec().unwrap(), file(&fixture, "pids", PIDS));
        let memory = file(&fixture, "memory", MEMORY);
        let bad = r#"{"pids":{"limit":30},"hugepageLimits":[{"pageSize":"3KB","limit":1}]}"#;
        let error = container.update(&resources(bad)).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::System | ErrorKind::Refused),
            "{}",
            chain(&error)
        );
        // Limits that rise, and such that fall, are set again in opposite orders.
        for limit in [67_108_864, 16_777_216] {
            let bad = format!(
                r#"{{"memory":{{"limit":{limit},"swap":{limit}}},"pids":{{"limit":30}},"cpu":{{"quota":500}}}}"#
            );
            assert_eq!(container.update(&resources(&bad)).unwrap_err().kind(), ErrorKind::System);
            assert_eq!([value(&memory), value(&pids)], ["33554432", "20"]);
        }
        assert_eq!(container.spec().unwrap(), before);
    });
}

/// The device is `/dev/fuse`: any user may open it where the rules permit it.
// covers: RT-LINUX-17
#[test]
fn rules_for_devices_are_replaced() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new().shell("exec sleep 100");
    let mut fuse = Device::new(DeviceType::Char, "/dev/fuse".into());
    (fuse.major, fuse.minor) = (Some(10), Some(229));
    fixture.spec.linux.as_mut().unwrap().devices = vec![fuse];
    within(&fixture, |container| {
        let rule = |allow: bool| {
            resources(&format!(
                r#"{{"devices":[{{"allow":{allow},"type":"c","major":10,"minor":229,"access":"rwm"}}]}}"#
            ))
        };
        let opens = || {
            let process = shell("exec 3</dev/fuse");
            container.exec(process, Stdio::null()).unwrap().wait().unwrap().success()
        };
        let before = opens();
        let seen = [true, false, true].map(|allow| {
            container.update(&rule(allow)).map_err(|error| chain(&error)).unwrap();
            opens()
        });
        assert_eq!((before, seen), (false, [true, false, true]));
        // They stay where the next change has none.
        container.update(&resources(r#"{"pids":{"limit":30}}"#)).unwrap();
        assert!(opens());
    });
}

#[test]
fn a_container_that_has_ended_is_not_updated() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("true");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    container.wait().unwrap();
    let error = container.update(&resources(r#"{"pids":{"limit":30}}"#)).unwrap_err();
    container.delete().unwrap();
    assert_eq!(error.kind(), ErrorKind::State);
}

#[test]
fn every_process_of_a_container_is_listed_and_receives_a_signal() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 100");
    within(&fixture, |container| {
        let other = container.exec(shell("exec sleep 100"), Stdio::null()).unwrap();
        let first = i32::try_from(container.state().unwrap().pid.unwrap()).unwrap();
        let mut expected = vec![first, other.pid()];
        expected.sort_unstable();
        assert_eq!(container.processes().unwrap(), expected);
        container.signal_all(Signal::USR1).map_err(|error| chain(&error)).unwrap();
        // The first process of a PID namespace ignores what it has no handler for.
        assert_eq!(other.wait().unwrap().signal(), Some(10));
        assert_eq!(container.processes().unwrap(), [first]);
    });
}

/// A container that shares the PID namespace of its caller lives on without its first process.
#[test]
fn a_signal_reaches_those_that_are_left_when_the_first_has_ended() {
    oci_testing::needs!(root, cgroups, busybox);
    for signal in [Signal::TERM, Signal::KILL] {
        let mut fixture = Fixture::new().shell("sleep 1000 & true");
        let linux = fixture.spec.linux.as_mut().unwrap();
        linux.namespaces.retain(|space| space.r#type != NamespaceType::Pid);
        fixture.spec.mounts.retain(|mount| mount.r#type.as_deref() != Some("proc"));
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        container.start().map_err(|error| chain(&error)).unwrap();
        container.wait().unwrap();
        let left = container.processes().unwrap();
        let status = container.state().unwrap().status;
        assert_eq!((left.len(), status), (1, Status::Stopped));
        let sleeper = pidfd_open(Pid::from_raw(left[0]).unwrap(), PidfdFlags::empty()).unwrap();
        container.signal_all(signal).map_err(|error| chain(&error)).unwrap();
        let mut ended = [rustix::event::PollFd::new(&sleeper, rustix::event::PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut ended, None), Ok(1));
        container.delete().map_err(|error| chain(&error)).unwrap();
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}

/// Each of these processes is gone soon after it has made the next one.
#[test]
fn no_process_forks_away_from_a_signal_to_all() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 1000");
    let program = fixture.rootfs().join("bin/hop");
    let line = "[ $1 = 0 ] && touch /tmp/arrived || /bin/hop $(($1 - 1)) &";
    fs::write(&program, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    within(&fixture, |container| {
        let first = container.processes().unwrap();
        let line = "for i in 1 2 3 4 5 6; do hop 2000 & done";
        // Where they may do so, not each time one does.
        for _ in 0..10 {
            container.exec(shell(line), Stdio::null()).unwrap().wait().unwrap();
            container.signal_all(Signal::TERM).map_err(|error| chain(&error)).unwrap();
            // The first process of a PID namespace ignores the signal.
            while container.processes().unwrap() != first {
                std::thread::yield_now();
            }
        }
        assert!(!fixture.rootfs().join("tmp/arrived").exists());
    });
}

#[test]
fn a_container_that_is_paused_stays_so_whatever_is_done_to_it() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 1000");
    within(&fixture, |container| {
        let other = container.exec(shell("exec sleep 1000"), Stdio::null()).unwrap();
        container.pause().unwrap();
        container.signal_all(Signal::USR1).map_err(|error| chain(&error)).unwrap();
        assert_eq!(container.state().unwrap().status, Status::Paused);
        let rule =
            r#"{"devices":[{"allow":false,"type":"c","major":10,"minor":229,"access":"rwm"}]}"#;
        container.update(&resources(rule)).map_err(|error| chain(&error)).unwrap();
        assert_eq!(container.state().unwrap().status, Status::Paused);
        container.resume().unwrap();
        assert_eq!(other.wait().unwrap().signal(), Some(10));
    });
}

/// Else one would thaw what another has just frozen, or set a limit again that another has just changed.
#[cfg(feature = "tracing")]
#[test]
fn what_changes_a_container_waits_for_the_others_that_do() {
    use rustix::fs::{FlockOperation, flock};
    use std::sync::Arc;
    oci_testing::needs!(root, cgroups, busybox);
    type Change = fn(&oci_runtime::Container) -> Result<(), oci_runtime::Error>;
    let changes: [(&str, Change); 4] = [
        ("signal_all", |container| container.signal_all(Signal::USR1)),
        ("update", |container| container.update(&resources(r#"{"pids":{"limit":30}}"#))),
        ("pause", |container| container.pause()),
        ("resume", |container| container.resume()),
    ];
    let fixture = Fixture::new().shell("exec sleep 1000");
    within(&fixture, |container| {
        for (name, change) in changes {
            let path = fixture.dir.path().join("run").join(&fixture.id).join("lock");
            let lock = Arc::new(fs::File::open(path).unwrap());
            flock(&*lock, FlockOperation::LockExclusive).unwrap();
            let held = Arc::clone(&lock);
            let events = oci_testing::events::Events::collect_and("oci_runtime", move |line| {
                if line.contains("waiting for the lock") {
                    flock(&*held, FlockOperation::Unlock).unwrap();
                }
            });
            change(container).map_err(|error| chain(&error)).unwrap();
            assert!(events.text().contains("waiting for the lock"), "{name}");
        }
    });
}

/// Like those of a service manager in a container.
#[test]
fn processes_are_listed_that_a_container_has_put_into_cgroups_of_its_own() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 1000");
    within(&fixture, |container| {
        let first = container.processes().unwrap()[0];
        let other = container.exec(shell("exec sleep 1000"), Stdio::null()).unwrap();
        let mut expected = vec![first, other.pid()];
        expected.sort_unstable();
        for directory in super::fixture::directories(&fixture.id) {
            let inner = directory.join("inner");
            fs::create_dir(&inner).unwrap();
            // A cpuset takes no process before it has processors and memory; there the process stays where it is.
            let _ = fs::write(inner.join("cgroup.procs"), expected[0].to_string());
        }
        assert_eq!(container.processes().unwrap(), expected);
    });
}

#[test]
fn a_container_without_a_cgroup_is_its_first_process() {
    oci_testing::needs!(root, cgroups, busybox, "unshare");
    let line = "for m in $(grep ' - cgroup' /proc/self/mountinfo | cut -d ' ' -f 5); do \
                mount -o remount,bind,ro $m || exit; done; exec \"$0\" --exact \
                container::update::of_a_caller_without_cgroups --nocapture";
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", line])
        .arg(std::env::current_exe().unwrap())
        .env("OCI_TEST_NO_CGROUPS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_without_cgroups() {
    if std::env::var_os("OCI_TEST_NO_CGROUPS").is_none() {
        return;
    }
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    fixture.spec.linux.as_mut().unwrap().resources = None;
    within(&fixture, |container| {
        let first = i32::try_from(container.state().unwrap().pid.unwrap()).unwrap();
        assert_eq!(container.processes().unwrap(), [first]);
        let error = container.update(&resources(r#"{"pids":{"limit":30}}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::System);
        assert!(error.to_string().ends_with(": it has no cgroup"), "{error}");
        assert_eq!(container.pause().unwrap_err().kind(), ErrorKind::System);
        container.signal_all(Signal::KILL).map_err(|error| chain(&error)).unwrap();
        assert_eq!(container.wait().unwrap().signal(), Some(9));
        assert_eq!(container.processes().unwrap(), <[i32; 0]>::default());
        assert_eq!(container.signal_all(Signal::TERM).unwrap_err().kind(), ErrorKind::State);
    });
}
