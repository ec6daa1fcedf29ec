//! New limits for containers that exist, and all their processes.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use oci_runtime::spec::linux::{Device, DeviceType, Resources};
use oci_runtime::{ErrorKind, Signal, Stdio};

use super::exec::{shell, within};
use super::fixture::{Fixture, chain};

fn resources(json: &str) -> Resources {
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
