//! Containers of a caller in a user namespace, as in LXD or in a rootless container.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::fixture::{Fixture, chain};

/// Runs one test in a user namespace with as many ids, and with a mount namespace of its own.
fn run_nested(test: &str, size: u32, setgroups: &str) {
    let line = format!("read go; exec \"$0\" --exact container::nested::{test} --nocapture");
    let mut child = Command::new("unshare")
        .args(["-U", "-m", "sh", "-c", &line])
        .arg(std::env::current_exe().unwrap())
        .env("OCI_TEST_NESTED", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let file = |name: &str| format!("/proc/{}/{name}", child.id());
    let own = fs::read_link("/proc/self/ns/user").unwrap();
    while fs::read_link(file("ns/user")).unwrap() == own {
        std::thread::yield_now();
    }
    fs::write(file("setgroups"), setgroups).unwrap();
    for name in ["uid_map", "gid_map"] {
        fs::write(file(name), format!("0 0 {size}\n")).unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_plain_container_is_made_in_a_user_namespace() {
    oci_testing::needs!(root, cgroups, busybox, "unshare");
    run_nested("of_root_in_a_user_namespace", 65536, "allow");
}

#[test]
fn what_a_small_user_namespace_lacks_is_refused_by_the_plan() {
    oci_testing::needs!(root, busybox, "unshare");
    run_nested("of_root_alone_in_a_user_namespace", 1, "deny");
}

/// In a process of its own: started by a test above.
#[test]
fn of_root_in_a_user_namespace() {
    if std::env::var_os("OCI_TEST_NESTED").is_none() {
        return;
    }
    let mut fixture = Fixture::new().shell("echo x > /dev/null && id -u && ls /dev");
    fixture.spec.process.as_mut().unwrap().user = Some(oci_runtime::spec::User::posix(7, 8));
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert!(outcome.stdout.starts_with("7\n"), "{}{}", outcome.stdout, outcome.stderr);
    let container = fixture.create(oci_runtime::Stdio::null()).unwrap();
    let warnings = container.warnings();
    container.force_delete().unwrap();
    assert!(warnings.iter().any(|text| text.starts_with("rules for devices")), "{warnings:?}");
}

/// In a process of its own: started by a test above.
#[test]
fn of_root_alone_in_a_user_namespace() {
    if std::env::var_os("OCI_TEST_NESTED").is_none() {
        return;
    }
    let mut fixture = Fixture::new().shell("echo x > /dev/null && id -u");
    let error = chain(&fixture.create(oci_runtime::Stdio::null()).map(drop).unwrap_err());
    let reason = "option `gid=5`: the id is not in the caller's user namespace";
    assert!(error.contains(reason), "{error}");
    for mount in &mut fixture.spec.mounts {
        mount.options.retain(|option| option != "gid=5");
    }
    fixture.spec.process.as_mut().unwrap().user = Some(oci_runtime::spec::User::posix(7, 0));
    let error = chain(&fixture.create(oci_runtime::Stdio::null()).map(drop).unwrap_err());
    let reason = "user 7 does not exist in the caller's user namespace";
    assert!(error.contains(reason), "{error}");
    fixture.spec.process.as_mut().unwrap().user = Some(oci_runtime::spec::User::posix(0, 0));
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "0\n", "{}", outcome.stderr);
}
