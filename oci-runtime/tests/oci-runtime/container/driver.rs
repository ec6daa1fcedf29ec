//! Containers of other runtimes, by their command lines.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;

use oci_runtime::spec::Status;
use oci_runtime::{Bundle, Driver, ErrorKind, Launcher, Signal, Stdio};

use super::exec::shell;
use super::fixture::{Fixture, chain};

fn driver(fixture: &Fixture, program: &str) -> Driver {
    let launcher = Launcher::program(env!("CARGO_BIN_EXE_oci-runtime-init"));
    Driver::new(program, fixture.dir.path().join(program)).unwrap().launcher(launcher)
}

fn bundle(fixture: &Fixture) -> Bundle {
    Bundle::new(fixture.dir.path(), fixture.spec.clone())
}

#[test]
fn runc_goes_through_the_states() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    assert_eq!(goes_through_the_states("runc"), Vec::<String>::new());
}

/// crun refuses hosts with both versions of cgroups: it is shown one without the unified hierarchy, in whose place it
/// makes directories, which go with the mount.
#[test]
fn crun_goes_through_the_states() {
    oci_testing::needs!(root, cgroups, busybox, "crun", "unshare");
    let line = "mount -t tmpfs none /sys/fs/cgroup/unified 2> /dev/null; exec \"$0\" --exact \
                container::driver::crun_in_a_mount_namespace_of_its_own --nocapture";
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", line])
        .arg(std::env::current_exe().unwrap())
        .env("OCI_TEST_CRUN", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn crun_in_a_mount_namespace_of_its_own() {
    oci_testing::needs!(root, cgroups, busybox, "crun");
    if std::env::var_os("OCI_TEST_CRUN").is_some() {
        let mut left = goes_through_the_states("crun");
        left.retain(|path| !path.starts_with("/sys/fs/cgroup/unified/"));
        assert_eq!(left, Vec::<String>::new());
    }
}

/// What is left.
fn goes_through_the_states(program: &str) -> Vec<String> {
    let fixture = Fixture::new().shell("echo ran; exec sleep 1000");
    let driver = driver(&fixture, program);
    let (stdio, mut pipes) = Stdio::piped().unwrap();
    let container = driver.create(&*fixture.id, &bundle(&fixture), stdio);
    let container = container.map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap().status, Status::Created, "{program}");
    let again = driver.create(&*fixture.id, &bundle(&fixture), Stdio::null());
    assert_eq!(again.map(drop).unwrap_err().kind(), ErrorKind::Id);
    container.start().map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap().status, Status::Running);
    let (mut ran, mut added) = ([0; 4], String::new());
    pipes.stdout.read_exact(&mut ran).unwrap();
    assert_eq!(&ran, b"ran\n");
    let (stdio, mut others) = Stdio::piped().unwrap();
    let process = container.exec(&shell("echo added; exit 6"), stdio);
    let process = process.map_err(|error| chain(&error)).unwrap();
    others.stdout.read_to_string(&mut added).unwrap();
    assert_eq!((added.as_str(), process.wait().unwrap().code()), ("added\n", Some(6)));
    container.pause().unwrap();
    assert_eq!(container.state().unwrap().status, Status::Paused);
    container.resume().unwrap();
    assert!(container.delete().is_err());
    let found = driver.container(&*fixture.id).unwrap();
    found.kill(Signal::KILL).map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.wait().unwrap().signal(), Some(9));
    assert_eq!(found.wait().unwrap_err().kind(), ErrorKind::State);
    container.delete().map_err(|error| chain(&error)).unwrap();
    let gone = driver.container(&*fixture.id).map(drop).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    fixture.residue()
}

#[test]
fn why_another_runtime_fails_is_told_and_nothing_is_left() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    let mut fixture = Fixture::new();
    fixture.spec.process.as_mut().unwrap().args = vec!["/no/such".into()];
    let driver = driver(&fixture, "runc");
    let failed =
        driver.create(&*fixture.id, &bundle(&fixture), Stdio::null()).and_then(|it| it.start());
    let error = chain(&failed.unwrap_err());
    assert!(error.starts_with("cannot run ") && error.contains("/no/such"), "{error}");
    if let Ok(container) = driver.container(&*fixture.id) {
        container.force_delete().map_err(|error| chain(&error)).unwrap();
    }
    let missing = Driver::new("/no/such/runtime", fixture.dir.path().join("none")).unwrap();
    let launcher = Launcher::program(env!("CARGO_BIN_EXE_oci-runtime-init"));
    let created = missing.launcher(launcher).create("one", &bundle(&fixture), Stdio::null());
    let error = chain(&created.map(drop).unwrap_err());
    assert!(error.contains("cannot run `/no/such/runtime`: No such file"), "{error}");
    assert_eq!(fixture.residue(), Vec::<String>::new());
}
