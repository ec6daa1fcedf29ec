//! Cgroups that systemd makes. Where it is not the first process of the machine, there is nothing to ask; `.ci/vm` runs
//! these in one where it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use oci_runtime::spec::Status;
use oci_runtime::{CgroupDriver, Stdio};

use super::exec::within;
use super::fixture::{Fixture, chain};
use super::update::resources;

fn is_init() -> bool {
    Path::new("/run/systemd/system").exists()
}

/// A container in a scope of its own.
fn fixture(name: &str) -> Fixture {
    let mut fixture = Fixture::new().shell("exec sleep 100");
    fixture.runtime = fixture.runtime.cgroup_driver(CgroupDriver::Systemd);
    let linux = fixture.spec.linux.as_mut().unwrap();
    linux.cgroups_path = Some(format!("oci-test.slice:{name}:{}", fixture.id));
    linux.resources = Some(resources(
        r#"{"memory":{"limit":67108864},"pids":{"limit":20},"cpu":{"shares":512,"quota":50000},
            "devices":[{"allow":false,"access":"rwm"}]}"#,
    ));
    fixture
}

/// What systemd says about a unit.
fn shown(unit: &str, properties: &str) -> String {
    let show = ["show", "--value", "--property", properties, unit];
    let output = Command::new("systemctl").args(show).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().replace('\n', " ")
}

#[test]
fn a_scope_is_made_changed_and_removed() {
    if !is_init() {
        return;
    }
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = fixture("made");
    let unit = format!("made-{}.scope", fixture.id);
    let directory = format!("/sys/fs/cgroup/oci.slice/oci-test.slice/{unit}");
    let value = |file: &str| fs::read_to_string(format!("{directory}/{file}")).unwrap();
    within(&fixture, |container| {
        assert_eq!(shown(&unit, "Slice,Delegate"), "oci-test.slice yes");
        let limits = || [value("memory.max"), value("pids.max"), value("cpu.max")];
        let expected = ["67108864\n", "20\n", "50000 100000\n"];
        assert_eq!(limits(), expected);
        let pid = container.state().unwrap().pid.unwrap();
        assert_eq!(value("cgroup.procs"), format!("{pid}\n"));
        container.update(&resources(r#"{"pids":{"limit":30}}"#)).unwrap();
        // It sets all limits of all units again.
        assert!(Command::new("systemctl").arg("daemon-reload").status().unwrap().success());
        assert_eq!(limits(), [expected[0], "30\n", expected[2]]);
        container.pause().unwrap();
        assert_eq!(container.state().unwrap().status, Status::Paused);
        container.resume().unwrap();
        assert_eq!(container.stats().unwrap().pids.limit, Some(30));
    });
    assert!(!Path::new(&directory).exists());
    assert_eq!(shown(&unit, "LoadState"), "not-found");
}

#[test]
fn a_scope_of_another_is_left_alone() {
    if !is_init() {
        return;
    }
    oci_testing::needs!(root, cgroups, busybox);
    let (first, mut second) = (fixture("taken"), fixture("taken"));
    second.spec.linux.as_mut().unwrap().cgroups_path =
        first.spec.linux.as_ref().unwrap().cgroups_path.clone();
    within(&first, |container| {
        let error = second.create(Stdio::null()).map(drop).map_err(|error| chain(&error));
        assert!(error.unwrap_err().contains("already"), "the unit exists");
        assert_eq!(container.state().unwrap().status, Status::Running);
    });
    // The name is free again.
    let container = second.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.force_delete().unwrap();
}
