//! From creation to deletion.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;

use oci_runtime::spec::linux::NamespaceType;
use oci_runtime::spec::{Capability, Hook, Hooks, Status};
use oci_runtime::{Bundle, Container, ErrorKind, Signal, Spec, Stdio};

use super::fixture::{Fixture, chain};

/// A name, a change that spoils the specification, and what the error says.
type Case = (&'static str, fn(&mut oci_runtime::Spec), &'static str);

/// The caller needs no privileges for these, but user namespaces and busybox.
#[test]
fn runs_a_program_as_process_1() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("echo $$; id -u; pwd; exit 7");
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.status.code(), Some(7), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "1\n0\n/\n");
}

// covers: RT-LIFE-01, RT-LIFE-09, RT-LIFE-12, RT-LIFE-15, RT-LIFE-16, RT-LIFE-17, RT-STATE-02, RT-STATE-05
#[test]
fn goes_through_the_states_of_the_specification() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("touch /tmp/ran; sleep 100");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let state = container.state().unwrap();
    assert_eq!((state.status, state.id), (Status::Created, fixture.id.clone()));
    assert!(state.pid.is_some_and(|pid| pid > 0));
    assert!(!fixture.rootfs().join("tmp/ran").exists(), "the program ran before the start");
    assert_eq!(container.delete().unwrap_err().kind(), ErrorKind::State);
    container.start().map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap().status, Status::Running);
    let again = container.start().unwrap_err();
    assert_eq!(again.kind(), ErrorKind::State);
    let expected = format!("cannot start container `{}`: it is `running`", fixture.id);
    assert_eq!(again.to_string(), expected);
    assert_eq!(container.delete().unwrap_err().kind(), ErrorKind::State);
    assert_eq!(container.state().unwrap().status, Status::Running);
    container.kill(Signal::KILL).unwrap();
    assert_eq!(container.wait().unwrap().signal(), Some(9));
    assert_eq!(container.state().unwrap().status, Status::Stopped);
    assert_eq!(container.kill(Signal::KILL).unwrap_err().kind(), ErrorKind::State);
    container.delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap_err().kind(), ErrorKind::NotFound);
    container.force_delete().unwrap();
}

// covers: RT-STATE-01, RT-LIFE-10, RT-STATE-03, RT-LIFE-11
#[test]
fn a_container_is_found_again_and_its_id_is_taken() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("exit 3");
    let container = fixture.create(Stdio::null()).unwrap();
    let again = fixture.create(Stdio::null()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Id);
    let found = fixture.runtime.container(&fixture.id).unwrap();
    found.start().map_err(|error| chain(&error)).unwrap();
    assert_eq!(found.wait().unwrap().code(), Some(3));
    let ids: Vec<String> = fixture
        .runtime
        .list()
        .unwrap()
        .iter()
        .map(|container| container.id().to_string())
        .collect();
    assert_eq!(ids, [fixture.id.as_str()]);
    drop(container);
    found.delete().unwrap();
    assert!(fixture.runtime.list().unwrap().is_empty());
    fixture.create(Stdio::null()).unwrap().force_delete().unwrap();
}

// covers: RT-LIFE-07, RT-LIFE-13
#[test]
fn a_failed_creation_names_the_step_and_leaves_nothing() {
    oci_testing::needs!(root, busybox);
    let table: [Case; 6] = [
        (
            "missing program",
            |spec| spec.process.as_mut().unwrap().args = vec!["nosuch".into()],
            "cannot find program nosuch: executable file not found in PATH, `/bin`",
        ),
        (
            "missing path",
            |spec| spec.process.as_mut().unwrap().args = vec!["/no/such".into()],
            "cannot find program /no/such: No such file",
        ),
        (
            "not executable",
            |spec| spec.process.as_mut().unwrap().args = vec!["/etc/plain".into()],
            "cannot find program /etc/plain: Permission denied",
        ),
        (
            "missing source",
            |spec| {
                let mut mount = oci_runtime::spec::Mount::new("/mnt".into());
                mount.source = Some("/no/such/source".into());
                mount.options = vec!["bind".into()];
                spec.mounts.push(mount);
            },
            "cannot open /no/such/source (`/mounts/7/source`): No such file",
        ),
        (
            "bad option",
            |spec| spec.mounts[0].options.push("nonsense".into()),
            "cannot mount proc on /proc (nosuid, noexec, nodev, nonsense): cannot set option `nonsense`: the kernel says `proc: \
             Unknown parameter 'nonsense'`: Invalid argument",
        ),
        (
            "missing root filesystem",
            |spec| spec.root.as_mut().unwrap().path = "none".into(),
            "none (`/root/path`) and the mounts below it: No such file",
        ),
    ];
    for (name, change, expected) in table {
        let mut fixture = Fixture::new();
        std::fs::write(fixture.rootfs().join("etc/plain"), "").unwrap();
        change(&mut fixture.spec);
        let error = fixture.create(Stdio::null()).map(drop).unwrap_err();
        assert!(chain(&error).contains(expected), "{name}: {}", chain(&error));
        assert_eq!(error.kind(), ErrorKind::Step, "{name}");
        assert_eq!(fixture.residue(), Vec::<String>::new(), "{name}");
        assert!(fixture.runtime.list().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_missing_interpreter_is_named_by_the_start() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    let script = fixture.rootfs().join("bin/script");
    std::fs::write(&script, "#!/bin/perl -w\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fixture.spec.process.as_mut().unwrap().args = vec!["script".into()];
    let error = fixture.run().map(drop).unwrap_err();
    let expected =
        "cannot execute script: interpreter `/bin/perl` of `/bin/script` is missing: No such file";
    assert!(chain(&error).contains(expected), "{}", chain(&error));
    assert!(fixture.runtime.list().unwrap().is_empty());
}

#[test]
fn the_handle_is_readable_when_the_program_has_ended() {
    oci_testing::needs!(user_namespaces, busybox);
    fn is_shared<T: Send + Sync + AsFd>(_: &T) {}
    let fixture = Fixture::new().shell("exit 0");
    let container: Container = fixture.create(Stdio::null()).unwrap();
    is_shared(&container);
    container.start().unwrap();
    let mut handles = [rustix::event::PollFd::new(&container, rustix::event::PollFlags::IN)];
    assert_eq!(rustix::event::poll(&mut handles, None), Ok(1));
    container.wait().unwrap();
    container.delete().unwrap();
}

// covers: RT-LIFE-02
#[test]
fn what_the_bundle_says_later_has_no_effect() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("echo first > /tmp/log");
    let path = fixture.dir.path().join("config.json");
    let config =
        |spec: &Spec| std::fs::write(&path, oci_image::json::to_vec(spec).unwrap()).unwrap();
    let mut hook = Hook::new("/bin/sh".into());
    let line = format!("echo stopped >> {}/tmp/log", fixture.rootfs().display());
    hook.args = ["sh", "-c", &line].map(String::from).to_vec();
    let mut hooks = Hooks::new();
    hooks.poststop = vec![hook];
    fixture.spec.hooks = Some(hooks);
    config(&fixture.spec);
    let bundle = Bundle::open(fixture.dir.path()).unwrap();
    let container = fixture.runtime.create(&fixture.id, &bundle, Stdio::null()).unwrap();
    fixture.spec.process.as_mut().unwrap().args = vec!["false".into()];
    fixture.spec.hooks = None;
    fixture.spec.annotations.insert("org.example".into(), "later".into());
    config(&fixture.spec);
    container.start().map_err(|error| chain(&error)).unwrap();
    assert!(container.wait().unwrap().success());
    assert_eq!(&container.spec().unwrap(), bundle.spec());
    assert!(container.state().unwrap().annotations.is_empty());
    std::fs::remove_file(&path).unwrap();
    container.delete().unwrap();
    let log = std::fs::read_to_string(fixture.rootfs().join("tmp/log")).unwrap();
    assert_eq!(log, "first\nstopped\n");
}

// covers: RT-LIFE-06
#[test]
fn a_program_may_end_in_any_way() {
    oci_testing::needs!(user_namespaces, busybox);
    // In a process namespace of its own the first process would get no signal of its own that it does not handle.
    let crash = "kill -SEGV $$";
    for (line, killed, code, signal) in [
        ("exit 0", false, Some(0), None),
        ("exit 255", false, Some(255), None),
        (crash, false, None, Some(11)),
        ("sleep 100", true, None, Some(9)),
    ] {
        let mut fixture = Fixture::new().shell(line);
        if line == crash {
            let spaces = &mut fixture.spec.linux.as_mut().unwrap().namespaces;
            spaces.retain(|space| space.r#type != NamespaceType::Pid);
            fixture.spec.mounts.retain(|mount| mount.r#type.as_deref() != Some("proc"));
        }
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        container.start().unwrap();
        if killed {
            container.kill(Signal::KILL).unwrap();
        }
        let status = container.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (code, signal), "{line}");
        assert_eq!(container.state().unwrap().status, Status::Stopped);
        container.delete().unwrap();
    }
}

// covers: RT-LIFE-08
#[test]
fn a_warning_changes_nothing() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("cat /proc/self/status");
    let sets = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("Cap")).map(String::from).collect()
    };
    let without = fixture.run().map_err(|error| chain(&error)).unwrap();
    let process = fixture.spec.process.as_mut().unwrap();
    let unknown = Capability::from("CAP_NEWER_THAN_US");
    process.capabilities.as_mut().unwrap().effective.push(unknown);
    let with = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(sets(&with.stdout).len(), 5);
    assert_eq!(sets(&with.stdout), sets(&without.stdout));
    let container = fixture.create(Stdio::null()).unwrap();
    let warnings = container.warnings();
    container.force_delete().unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("CAP_NEWER_THAN_US"), "{warnings:?}");
}

#[test]
fn a_container_whose_start_failed_is_stopped_at_once() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    let script = fixture.rootfs().join("bin/script");
    std::fs::write(&script, "#!/bin/perl -w\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fixture.spec.process.as_mut().unwrap().args = vec!["script".into()];
    for _ in 0..20 {
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        container.start().unwrap_err();
        assert_eq!(container.state().unwrap().status, Status::Stopped);
        container.delete().map_err(|error| chain(&error)).unwrap();
    }
}

#[test]
fn who_finds_a_container_that_has_ended_learns_how() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("exit 3");
    let container = fixture.create(Stdio::null()).unwrap();
    container.start().unwrap();
    let mut handles = [rustix::event::PollFd::new(&container, rustix::event::PollFlags::IN)];
    assert_eq!(rustix::event::poll(&mut handles, None), Ok(1));
    let found = fixture.runtime.container(&fixture.id).unwrap();
    assert_eq!(found.state().unwrap().status, Status::Stopped);
    assert_eq!(found.wait().map_err(|error| chain(&error)).unwrap().code(), Some(3));
    assert_eq!(container.wait().unwrap().code(), Some(3));
    found.delete().unwrap();
}

/// What stops the first process of many distributions is a real-time signal.
#[test]
fn real_time_signals_are_sent() {
    oci_testing::needs!(user_namespaces, busybox);
    let signal: Signal = "SIGRTMIN+3".parse().unwrap();
    let fixture =
        Fixture::new().shell("trap 'exit 5' 37; touch /tmp/ready; while true; do sleep 1; done");
    let container = fixture.create(Stdio::null()).unwrap();
    container.start().unwrap();
    let mut process = oci_runtime::spec::Process::new("/".into());
    process.args = ["sh", "-c", "while [ ! -e /tmp/ready ]; do :; done"].map(String::from).to_vec();
    process.env = vec!["PATH=/bin".into()];
    container.exec(process.clone(), Stdio::null()).unwrap().wait().unwrap();
    process.args = ["sleep", "1000"].map(String::from).to_vec();
    let added = container.exec(process, Stdio::null()).unwrap();
    added.kill(signal).map_err(|error| chain(&error)).unwrap();
    assert_eq!(added.wait().unwrap().signal(), Some(signal.number()));
    container.kill(signal).map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.wait().unwrap().code(), Some(5));
    container.delete().unwrap();
}

/// As of containers that share names, like those of a pod.
#[test]
fn a_name_is_set_in_a_namespace_that_is_joined() {
    oci_testing::needs!(root, busybox);
    let first = Fixture::new().shell("exec sleep 1000");
    let container = first.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let pid = container.state().unwrap().pid.unwrap();
    let mut second = Fixture::new().shell("hostname");
    second.spec.hostname = Some("second".into());
    let spaces = &mut second.spec.linux.as_mut().unwrap().namespaces;
    let uts = spaces.iter_mut().find(|space| space.r#type == NamespaceType::Uts).unwrap();
    uts.path = Some(format!("/proc/{pid}/ns/uts"));
    let outcome = second.run().map_err(|error| chain(&error));
    let mut process = oci_runtime::spec::Process::new("/".into());
    process.args = vec!["hostname".into()];
    process.env = vec!["PATH=/bin".into()];
    let (name, _) = super::exec::run(&container, process).unwrap();
    container.force_delete().unwrap();
    assert_eq!((outcome.unwrap().stdout.as_str(), name.as_str()), ("second\n", "second\n"));
}

/// As one of a caller that was killed before it could ask.
#[test]
fn a_connection_that_says_nothing_starts_nothing() {
    oci_testing::needs!(user_namespaces, busybox);
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    let fixture = Fixture::new().shell("sleep 100");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let socket = fixture.dir.path().join("run").join(&fixture.id).join("start.sock");
    for _ in 0..2 {
        let mut connection = UnixStream::connect(&socket).unwrap();
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        // The init closes it, and listens on.
        assert_eq!(connection.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(container.state().unwrap().status, Status::Created);
    container.start().map_err(|error| chain(&error)).unwrap();
    container.force_delete().unwrap();
}

#[test]
fn a_container_without_a_program_is_not_started() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    fixture.spec.process = None;
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let error = container.start().unwrap_err();
    let status = container.state().unwrap().status;
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!((error.kind(), status), (ErrorKind::State, Status::Created));
    assert!(error.to_string().ends_with(": its specification has no `process`"), "{error}");
}
