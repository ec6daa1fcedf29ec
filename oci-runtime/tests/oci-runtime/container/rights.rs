//! Callers with other rights than root has, and what their containers get.

use std::process::Command;

use oci_runtime::spec::{Capabilities, Capability};

use super::exec::{run, shell, within};
use super::fixture::{Fixture, chain};

/// Runs one test in a process of its own with the rights that setpriv(1) gives it.
fn with_rights(options: &[&str], test: &str) {
    let output = Command::new("setpriv")
        .args(options)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("container::rights::{test}"), "--nocapture"])
        .env("OCI_TEST_RIGHTS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn ambient_capabilities_of_the_caller_are_not_those_of_a_container() {
    oci_testing::needs!(root, busybox, "setpriv");
    let options = ["--inh-caps", "+net_raw", "--ambient-caps", "+net_raw"];
    with_rights(&options, "of_a_caller_with_ambient_capabilities");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_with_ambient_capabilities() {
    if std::env::var_os("OCI_TEST_RIGHTS").is_none() {
        return;
    }
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    assert!(own.contains("CapAmb:\t0000000000002000"), "{own}");
    // The kernel clears the ambient ones that are not permitted and inheritable, too.
    let mut sets = Capabilities::new();
    for set in [&mut sets.bounding, &mut sets.permitted, &mut sets.inheritable] {
        set.push(Capability::NetRaw);
    }
    let line = "grep -E 'Cap(Inh|Amb)' /proc/self/status";
    let expected = "CapInh:\t0000000000002000\nCapAmb:\t0000000000000000\n";
    let mut fixture = Fixture::new().shell(line);
    fixture.spec.process.as_mut().unwrap().capabilities = Some(sets.clone());
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, expected, "{}", outcome.stderr);
    within(&fixture.shell("exec sleep 1000"), |container| {
        let mut process = shell(line);
        process.capabilities = Some(sets);
        assert_eq!(run(container, process).unwrap().0, expected);
    });
}

/// The kernel lets such a caller map its own group only into a user namespace in which nobody drops a group.
#[test]
fn a_caller_that_may_not_change_its_groups_maps_its_own() {
    oci_testing::needs!(root, busybox, "setpriv");
    let options = ["--bounding-set", "-setuid,-setgid", "--inh-caps", "-setuid,-setgid"];
    with_rights(&options, "of_a_caller_that_may_not_change_its_groups");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_that_may_not_change_its_groups() {
    if std::env::var_os("OCI_TEST_RIGHTS").is_none() {
        return;
    }
    let line = "cat /proc/self/setgroups; set -- $(cat /proc/self/gid_map); echo $*";
    let mut fixture = Fixture::new().shell(line);
    fixture.spec = fixture.spec.rootless(0, 0).spec;
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "deny\n0 0 1\n", "{}", outcome.stderr);
}
