//! Where hooks are found and where they run, and what their failures do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use oci_runtime::spec::{Hook, Hooks};
use oci_runtime::{ErrorKind, Signal, Stdio};

use super::fixture::{Fixture, chain};

/// The namespaces that a default container has of its own, whoever makes it.
const SPACES: [&str; 5] = ["mnt", "pid", "net", "ipc", "uts"];

/// A script at a path, and a hook that names it.
fn script(path: &Path, named: &str, line: &str) -> Hook {
    fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut hook = Hook::new(named.into());
    hook.env = vec!["PATH=/bin:/usr/bin".into()];
    hook
}

/// The namespaces of this process.
fn own() -> Vec<String> {
    let link = |space| fs::read_link(format!("/proc/self/ns/{space}")).unwrap();
    SPACES.iter().map(|space| link(space).display().to_string()).collect()
}

// covers: RT-HOOK-03, RT-HOOK-04, RT-HOOK-05
#[test]
fn hooks_are_found_and_run_where_they_belong() {
    oci_testing::needs!(root, busybox);
    let links: Vec<String> =
        SPACES.iter().map(|space| format!("readlink /proc/self/ns/{space}")).collect();
    let line = format!("({}) > /tmp/program", links.join("; "));
    let mut fixture = Fixture::new().shell(&line);
    std::os::unix::fs::symlink("busybox", fixture.rootfs().join("bin/readlink")).unwrap();
    let (outside, rootfs) = (fixture.dir.path().to_owned(), fixture.rootfs());
    // Found on the host alone, and writing to the host's side of the root filesystem.
    let outer = |name: &str| {
        let path = outside.join(name);
        let log = rootfs.join("tmp").join(name);
        let line = format!("({}) > {}", links.join("; "), log.display());
        vec![script(&path, path.to_str().unwrap(), &line)]
    };
    let mut hooks = Hooks::new();
    hooks.prestart = outer("prestart");
    hooks.create_runtime = outer("createRuntime");
    hooks.create_container = outer("createContainer");
    hooks.poststart = outer("poststart");
    hooks.poststop = outer("poststop");
    // Found in the container alone.
    let line = format!("({}) > /tmp/startContainer", links.join("; "));
    let inner = script(&rootfs.join("bin/only-inside"), "/bin/only-inside", &line);
    hooks.start_container = vec![inner];
    fixture.spec.hooks = Some(hooks);
    fixture.run().map_err(|error| chain(&error)).unwrap();
    let seen = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(rootfs.join("tmp").join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}")).lines().map(String::from).collect()
    };
    for name in ["prestart", "createRuntime", "poststart", "poststop"] {
        assert_eq!(seen(name), own(), "{name}");
    }
    let inside = seen("program");
    assert!(inside.iter().zip(own()).all(|(inside, own)| *inside != own), "{inside:?}");
    for name in ["createContainer", "startContainer"] {
        assert_eq!(seen(name), inside, "{name}");
    }
}

#[test]
fn a_hook_that_stands_on_the_other_side_is_not_found() {
    oci_testing::needs!(user_namespaces, busybox);
    for is_inside in [true, false] {
        let mut fixture = Fixture::new();
        let path = fixture.dir.path().join("outside");
        let hook = if is_inside {
            script(&fixture.rootfs().join("bin/only-inside"), "/bin/only-inside", "true")
        } else {
            script(&path, path.to_str().unwrap(), "true")
        };
        let mut hooks = Hooks::new();
        if is_inside {
            hooks.create_container = vec![hook];
        } else {
            hooks.start_container = vec![hook];
        }
        fixture.spec.hooks = Some(hooks);
        let error = chain(&fixture.run().map(drop).unwrap_err());
        assert!(error.contains("No such file"), "{error}");
    }
}

// covers: RT-LIFE-05
#[test]
fn a_poststop_hook_that_fails_is_a_warning() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("true");
    let dir = fixture.dir.path();
    let hook = |name: &str, line: &str| {
        let path = dir.join(name);
        script(&path, path.to_str().unwrap(), line)
    };
    let mut hooks = Hooks::new();
    let log = dir.join("log").display().to_string();
    hooks.poststop = vec![
        hook("first", &format!("echo first >> {log}; echo no >&2; exit 3")),
        Hook::new("/no/such/hook".into()),
        hook("last", &format!("echo last >> {log}")),
    ];
    fixture.spec.hooks = Some(hooks);
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    container.wait().unwrap();
    container.delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fs::read_to_string(log).unwrap(), "first\nlast\n");
    let warnings = container.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("first") && warnings[0].contains("saying `no`"), "{warnings:?}");
    assert!(warnings[1].contains("/no/such/hook"), "{warnings:?}");
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// A hook that waits until it is told to go on, and the pipe that tells it.
fn waiting(fixture: &Fixture) -> (Hook, std::path::PathBuf) {
    let (path, pipe) = (fixture.dir.path().join("waiting"), fixture.dir.path().join("pipe"));
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let line = format!("read line < {}", pipe.display());
    let mut hook = script(&path, path.to_str().unwrap(), &line);
    hook.timeout = Some(30);
    (hook, pipe)
}

/// A hook that asks for what takes the container's lock, here through a file that this test waits on.
#[test]
fn a_poststart_hook_may_use_the_container() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("sleep 1000");
    let (hook, pipe) = waiting(&fixture);
    let mut hooks = Hooks::new();
    hooks.poststart = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let started = std::thread::scope(|scope| {
        let starting = scope.spawn(|| container.start());
        // Open once the hook reads, which waits for what follows.
        let mut answer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        fixture.runtime.container(&fixture.id).unwrap().force_delete().unwrap();
        std::io::Write::write_all(&mut answer, b"go\n").unwrap();
        starting.join().unwrap()
    });
    started.map_err(|error| chain(&error)).unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// It would wait for the hook, and the hook for it.
#[test]
fn a_hook_cannot_change_the_container_that_is_being_made() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    let (hook, pipe) = waiting(&fixture);
    let mut hooks = Hooks::new();
    hooks.create_runtime = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let created = std::thread::scope(|scope| {
        let creating = scope.spawn(|| fixture.create(Stdio::null()));
        let mut answer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        let found = fixture.runtime.container(&fixture.id).unwrap();
        assert_eq!(found.state().unwrap().status, oci_runtime::spec::Status::Creating);
        for (name, result) in [
            ("start", found.start()),
            ("pause", found.pause()),
            ("resume", found.resume()),
            ("delete", found.delete()),
            ("force_delete", found.force_delete()),
            ("kill", found.kill(Signal::KILL)),
            ("signal_all", found.signal_all(Signal::TERM)),
            ("update", found.update(&oci_runtime::spec::linux::Resources::new())),
            ("exec", found.exec(super::exec::shell("true"), Stdio::null()).map(drop)),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::State, "{name}");
            assert!(error.to_string().contains("`creating`"), "{name}: {error}");
        }
        std::io::Write::write_all(&mut answer, b"go\n").unwrap();
        creating.join().unwrap()
    });
    let container = created.map_err(|error| chain(&error)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    container.force_delete().unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn a_hook_may_have_more_time_than_the_clock_can_tell() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("true");
    let path = fixture.dir.path().join("hook");
    let mut hook = script(&path, path.to_str().unwrap(), "true");
    hook.timeout = Some(i64::MAX);
    let mut hooks = Hooks::new();
    hooks.create_runtime = vec![hook.clone()];
    hooks.create_container = vec![hook];
    fixture.spec.hooks = Some(hooks);
    fixture.run().map_err(|error| chain(&error)).unwrap();
}

#[test]
fn what_hooks_of_the_container_make_is_not_for_everybody_to_write() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("true");
    let (path, log) = (fixture.dir.path().join("hook"), fixture.rootfs().join("tmp/umask"));
    let mut hooks = Hooks::new();
    let line = format!("umask > {}", log.display());
    hooks.create_container = vec![script(&path, path.to_str().unwrap(), &line)];
    fixture.spec.hooks = Some(hooks);
    fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fs::read_to_string(log).unwrap(), "0022\n");
}

/// The caller is the first process of a PID namespace, or has a library that waits for any child.
#[test]
fn hooks_of_a_caller_that_waits_for_all_children_end_as_they_do() {
    oci_testing::needs!(user_namespaces, busybox);
    // In a process of its own: there it takes the children of no other test.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "container::hooks::of_a_caller_that_waits_for_all", "--nocapture"])
        .env("OCI_TEST_WAITS_FOR_ALL", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_that_waits_for_all() {
    oci_testing::needs!(user_namespaces, busybox);
    if std::env::var_os("OCI_TEST_WAITS_FOR_ALL").is_none() {
        return;
    }
    let mut fixture = Fixture::new().shell("exec sleep 1000");
    let path = |name: &str| fixture.dir.path().join(name);
    let (good, bad) = (path("good"), path("bad"));
    let good = script(&good, good.to_str().unwrap(), "exit 0");
    let bad = script(&bad, bad.to_str().unwrap(), "echo no >&2; exit 3");
    let mut hooks = Hooks::new();
    (hooks.prestart, hooks.create_runtime) = (vec![good.clone()], vec![good.clone()]);
    (hooks.poststart, hooks.poststop) = (vec![good], vec![bad.clone()]);
    fixture.spec.hooks = Some(hooks.clone());
    std::thread::spawn(|| {
        loop {
            if rustix::process::wait(rustix::process::WaitOptions::empty()).is_err() {
                std::thread::yield_now();
            }
        }
    });
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    super::exec::run(&container, super::exec::shell("true")).map(drop).unwrap_or_default();
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    let shown = bad.path.clone();
    let expected = format!(
        "cannot run poststop {shown}: hook `{shown}` ended with exit status: 3, saying `no`"
    );
    assert_eq!(container.warnings(), [expected]);
    hooks.create_runtime.push(bad);
    fixture.spec.hooks = Some(hooks);
    let error = chain(&fixture.create(Stdio::null()).map(drop).unwrap_err());
    let expected = format!(
        "cannot run createRuntime {shown}: hook `{shown}` ended with exit status: 3, saying `no`"
    );
    assert_eq!(error, expected);
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn what_a_hook_has_started_ends_with_its_time() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new();
    let (path, pipe) = (fixture.dir.path().join("hook"), fixture.dir.path().join("pipe"));
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // Its child holds the pipe open as long as it lives.
    let line = format!("sleep 1000 > {} & wait", pipe.display());
    let mut hook = script(&path, path.to_str().unwrap(), &line);
    hook.timeout = Some(1);
    let mut hooks = Hooks::new();
    hooks.create_runtime = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let error = std::thread::scope(|scope| {
        let creating = scope.spawn(|| fixture.create(Stdio::null()).map(drop).unwrap_err());
        assert_eq!(fs::read(&pipe).unwrap(), b"");
        creating.join().unwrap()
    });
    assert!(chain(&error).ends_with("was killed after its timeout of 1 s"), "{}", chain(&error));
}

/// They are programs of the image, like the one that they precede.
#[test]
fn start_container_hooks_run_under_the_filter_of_the_program() {
    use oci_runtime::spec::linux::{Seccomp, SeccompAction, Syscall};
    oci_testing::needs!(user_namespaces, busybox);
    for no_new_privileges in [true, false] {
        let mut fixture = Fixture::new().shell("true");
        std::os::unix::fs::symlink("busybox", fixture.rootfs().join("bin/mkdir")).unwrap();
        let mut hook = Hook::new("/bin/sh".into());
        let line = "mkdir /tmp/made 2> /tmp/said; grep CapEff /proc/self/status > /tmp/rights";
        hook.args = ["sh", "-c", line].map(String::from).to_vec();
        hook.env = vec!["PATH=/bin".into()];
        let mut hooks = Hooks::new();
        hooks.start_container = vec![hook];
        fixture.spec.hooks = Some(hooks);
        let mut filter = Seccomp::new(SeccompAction::Allow);
        let mut denied = Syscall::new(SeccompAction::Errno);
        denied.names = vec!["mkdir".into(), "mkdirat".into()];
        filter.syscalls = vec![denied];
        fixture.spec.linux.as_mut().unwrap().seccomp = Some(filter);
        let process = fixture.spec.process.as_mut().unwrap();
        process.no_new_privileges = Some(no_new_privileges);
        process.capabilities = None;
        fixture.run().map_err(|error| chain(&error)).unwrap();
        let read =
            |name: &str| fs::read_to_string(fixture.rootfs().join("tmp").join(name)).unwrap();
        assert!(read("said").contains("Operation not permitted"), "{}", read("said"));
        assert_eq!(read("rights"), "CapEff:\t0000000000000000\n");
        assert!(!fixture.rootfs().join("tmp/made").exists());
    }
}

#[test]
fn hooks_have_a_place_an_environment_and_a_umask_and_nothing_to_write_to() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("echo program");
    let dir = fixture.dir.path().to_owned();
    let log = |name: &str| dir.join("rootfs/tmp").join(name);
    let hook = |line: String| {
        let mut hook = Hook::new("/bin/sh".into());
        hook.args = ["sh".into(), "-c".into(), line].to_vec();
        hook.env = vec!["A=1".into()];
        vec![hook]
    };
    let pid = "echo noise; grep -o '\"pid\":[0-9]*' >>";
    let outside = log("outside").display().to_string();
    let mut hooks = Hooks::new();
    // The init that runs the hook has no environment, and so it passes on none of the caller's.
    hooks.create_runtime = hook(format!(
        "(pwd; umask; cat /proc/$$/environ; echo; cat /proc/$PPID/environ; echo) > {outside}; {pid} {outside}"
    ));
    hooks.create_container = hook(format!("{pid} {}", log("inside").display()));
    hooks.start_container = hook(format!("{pid} /tmp/inside"));
    fixture.spec.hooks = Some(hooks);
    let file = fixture.dir.path().join("stdout");
    let stdio = Stdio::files(
        fs::File::open("/dev/null").unwrap(),
        fs::File::create(&file).unwrap(),
        fs::File::create("/dev/null").unwrap(),
    );
    let container = fixture.create(stdio).map_err(|error| chain(&error)).unwrap();
    let number = container.state().unwrap().pid.unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    container.wait().unwrap();
    container.delete().unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:\t")).unwrap();
    let expected = format!("{}\n{umask}\nA=1\0\n\n\"pid\":{number}\n", dir.display());
    assert_eq!(fs::read_to_string(log("outside")).unwrap(), expected);
    assert_eq!(fs::read_to_string(log("inside")).unwrap(), "\"pid\":1\n\"pid\":1\n");
    assert_eq!(fs::read_to_string(file).unwrap(), "program\n");
}

#[test]
fn start_container_hooks_have_the_capabilities_of_the_program() {
    use oci_runtime::spec::linux::{Seccomp, SeccompAction};
    use oci_runtime::spec::{Capabilities, Capability, User};
    oci_testing::needs!(root, busybox);
    for no_new_privileges in [true, false] {
        let line = "grep -E '^(Cap|Uid)' /proc/self/status >> /tmp/rights";
        let mut fixture = Fixture::new().shell(line);
        let rights = fixture.rootfs().join("tmp/rights");
        fs::write(&rights, "").unwrap();
        fs::set_permissions(&rights, fs::Permissions::from_mode(0o666)).unwrap();
        let mut hook = Hook::new("/bin/sh".into());
        hook.args = ["sh", "-c", line].map(String::from).to_vec();
        let mut hooks = Hooks::new();
        hooks.start_container = vec![hook];
        fixture.spec.hooks = Some(hooks);
        // With a filter and without `noNewPrivileges` they are given up last.
        fixture.spec.linux.as_mut().unwrap().seccomp = Some(Seccomp::new(SeccompAction::Allow));
        let process = fixture.spec.process.as_mut().unwrap();
        process.no_new_privileges = Some(no_new_privileges);
        process.user = Some(User::posix(1000, 1000));
        let mut sets = Capabilities::new();
        for set in [
            &mut sets.bounding,
            &mut sets.permitted,
            &mut sets.effective,
            &mut sets.inheritable,
            &mut sets.ambient,
        ] {
            *set = vec![Capability::Kill];
        }
        process.capabilities = Some(sets);
        fixture.run().map_err(|error| chain(&error)).unwrap();
        let set = |name| format!("{name}:\t0000000000000020\n");
        let sets: String = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(set).concat();
        let once = format!("Uid:\t1000\t1000\t1000\t1000\n{sets}");
        assert_eq!(fs::read_to_string(rights).unwrap(), once.repeat(2));
    }
}
