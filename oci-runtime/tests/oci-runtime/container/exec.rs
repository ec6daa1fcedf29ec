//! Processes that are added to a container.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;

use oci_runtime::spec::linux::{Namespace, NamespaceType, Seccomp, SeccompAction, Syscall};
use oci_runtime::spec::{
    Capabilities, Capability, ExecCpuAffinity, IdMapping, Process, Rlimit, RlimitType, User,
};
use oci_runtime::{Container, Error, ErrorKind, Signal, Stdio};

use super::fixture::{Fixture, chain};

/// A shell line as an ordinary process of a container.
pub(crate) fn shell(line: &str) -> Process {
    let mut process = Process::new("/".into());
    process.args = vec!["sh".into(), "-c".into(), line.into()];
    process.env = vec!["PATH=/bin".into()];
    process.capabilities = oci_runtime::Spec::linux_default().process.unwrap().capabilities;
    process
}

/// Runs a process in the container; what it printed, and how it ended.
pub(crate) fn run(container: &Container, process: Process) -> Result<(String, Option<i32>), Error> {
    let out = tempfile::tempfile().unwrap();
    let copy = || out.try_clone().unwrap();
    let stdio = Stdio::files(File::open("/dev/null").unwrap(), copy(), copy());
    let status = container.exec(process, stdio)?.wait()?;
    let (mut file, mut text) = (copy(), String::new());
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    Ok((text, status.code()))
}

/// A container that sleeps, while `test` is done with it.
pub(crate) fn within(fixture: &Fixture, test: impl FnOnce(&Container)) {
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&container)));
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// Namespaces and cgroups of a process; what differs from process to process is not in it.
const PLACE: &str = "for s in cgroup ipc mnt net pid user uts; do busybox readlink /proc/$p/ns/$s; done; \
                     cat /proc/$p/cgroup /proc/$p/mountinfo; hostname";

#[test]
fn a_process_is_where_the_program_is() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("echo mine > /tmp/mark; sleep 100");
    fixture.spec.hostname = Some("inside".into());
    within(&fixture, |container| {
        let (place, code) = run(container, shell(&format!("p=self; {PLACE}"))).unwrap();
        let (first, _) = run(container, shell(&format!("p=1; {PLACE}"))).unwrap();
        assert_eq!(place, first);
        assert!(place.ends_with("inside\n"), "{place}");
        assert_eq!(code, Some(0));
        let (text, code) = run(container, shell("cat /tmp/mark; [ $$ -gt 1 ]; exit 42")).unwrap();
        assert_eq!((text.as_str(), code), ("mine\n", Some(42)));
    });
}

#[test]
fn a_process_gets_the_descriptors_and_rights_that_it_is_given_and_no_more() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 100");
    within(&fixture, |container| {
        let mut process = shell(
            "ls /proc/self/fd | cat; grep -E '^(Cap|NoNew)' /proc/self/status; \
             umask; pwd; echo $LOOK; ulimit -n; cat /proc/self/oom_score_adj",
        );
        process.cwd = "/etc".into();
        process.env.push("LOOK=here".into());
        process.no_new_privileges = Some(true);
        process.oom_score_adj = Some(500);
        process.rlimits = vec![Rlimit::new(RlimitType::Nofile, 100, 50)];
        let mut user = User::posix(0, 0);
        user.umask = Some(0o077);
        process.user = Some(user);
        let mut sets = Capabilities::new();
        sets.bounding = vec![Capability::Kill];
        sets.permitted = vec![Capability::Kill];
        sets.effective = vec![Capability::from("CAP_NEWER_THAN_US")];
        process.capabilities = Some(sets);
        let (text, _) = run(container, process).unwrap();
        // 3 is the directory that ls reads.
        assert_eq!(
            text,
            "0\n1\n2\n3\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000020\n\
             CapEff:\t0000000000000020\nCapBnd:\t0000000000000020\nCapAmb:\t0000000000000000\n\
             NoNewPrivs:\t1\n0077\n/etc\nhere\n50\n500\n"
        );
        let warnings = container.warnings();
        assert!(warnings.iter().any(|text| text.contains("CAP_NEWER_THAN_US")), "{warnings:?}");
    });
}

#[test]
fn a_process_is_bound_by_the_filter_and_the_groups_of_the_container() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new().shell("sleep 100");
    let mut seccomp = Seccomp::new(SeccompAction::Allow);
    let mut refused = Syscall::new(SeccompAction::Errno);
    refused.names = ["mkdir", "mkdirat"].map(String::from).to_vec();
    refused.errno_ret = Some(28);
    seccomp.syscalls = vec![refused];
    fixture.spec.linux.as_mut().unwrap().seccomp = Some(seccomp);
    within(&fixture, |container| {
        let mut process = shell("busybox mkdir /tmp/x; id");
        let mut user = User::posix(1000, 1001);
        user.additional_gids = vec![5];
        process.user = Some(user);
        let (text, _) = run(container, process).unwrap();
        assert!(text.contains("No space left on device"), "{text}");
        assert!(text.contains("uid=1000 gid=1001 groups=5\n"), "{text}");
        let before = container.stats().unwrap().pids.current;
        let sleeper = container.exec(shell("exec sleep 100"), Stdio::null()).unwrap();
        assert!(container.stats().unwrap().pids.current > before);
        sleeper.kill(Signal::KILL).unwrap();
        assert_eq!(sleeper.wait().unwrap().signal(), Some(9));
        assert!(sleeper.kill(Signal::KILL).is_err());
    });
}

#[test]
fn a_process_joins_a_user_namespace_with_a_terminal() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new().shell("sleep 100");
    let linux = fixture.spec.linux.as_mut().unwrap();
    linux
        .namespaces
        .extend([Namespace::new(NamespaceType::User), Namespace::new(NamespaceType::Time)]);
    linux.uid_mappings = vec![IdMapping::new(0, 100_000, 1000)];
    linux.gid_mappings = vec![IdMapping::new(0, 200_000, 1000)];
    within(&fixture, |container| {
        let line =
            "cat /proc/self/uid_map | busybox tr -s ' '; id -u; busybox tty; busybox stty size";
        let mut process = shell(line);
        process.user = Some(User::posix(7, 8));
        process.terminal = Some(true);
        process.console_size = Some(oci_runtime::spec::ConsoleSize::new(30, 100));
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let refused = container.exec(process.clone(), Stdio::null()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        let added = container.exec(process, Stdio::terminal(theirs));
        let added = added.map_err(|error| chain(&error)).unwrap();
        let mut master = Stdio::master(&ours).unwrap();
        assert_eq!(added.wait().unwrap().code(), Some(0));
        let mut text = Vec::new();
        // The end of a terminal is an error.
        let _ = master.read_to_end(&mut text);
        assert_eq!(
            String::from_utf8_lossy(&text),
            " 0 100000 1000\r\n7\r\n/dev/pts/0\r\n30 100\r\n"
        );
    });
}

#[test]
fn a_process_is_killed_for_memory_as_readily_as_its_container() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("sleep 100");
    fixture.spec.process.as_mut().unwrap().oom_score_adj = Some(500);
    within(&fixture, |container| {
        for (own, expected) in [(None, "500\n"), (Some(600), "600\n")] {
            let mut process = shell("cat /proc/self/oom_score_adj");
            process.oom_score_adj = own;
            assert_eq!(run(container, process).unwrap().0, expected);
        }
    });
}

// covers: RT-PROC-15
#[test]
fn a_process_runs_on_the_processors_that_it_is_given() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 100");
    let allowed = "grep Cpus_allowed_list: /proc/self/status";
    within(&fixture, |container| {
        let on = |initial: Option<&str>, last: Option<&str>| {
            let mut process = shell(allowed);
            let mut affinity = ExecCpuAffinity::new();
            (affinity.initial, affinity.r#final) = (initial.map(Into::into), last.map(Into::into));
            process.exec_cpu_affinity = Some(affinity);
            run(container, process).map(|(text, _)| text)
        };
        let (all, _) = run(container, shell(allowed)).unwrap();
        let list = all.trim_end().rsplit('\t').next().unwrap();
        let one = list.split(['-', ',']).next().unwrap();
        let expected = format!("Cpus_allowed_list:\t{one}\n");
        assert_eq!(on(None, Some(one)).unwrap(), expected);
        assert_eq!(on(Some("0-1023"), Some(one)).unwrap(), expected);
        // What becomes of the first when its group is entered, the kernel decides.
        let found = on(Some(one), None).unwrap();
        assert!(found == expected || found == all, "{found}");
        assert_eq!(on(Some(""), None).unwrap(), all);
        for (initial, last, expected) in [
            (Some("0-"), None, "`/process/execCPUAffinity/initial`: `0-` is not a list"),
            (None, Some("9999"), "`/process/execCPUAffinity/final`: `9999` is not a list"),
        ] {
            let error = on(initial, last).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(chain(&error).contains(expected), "{}", chain(&error));
        }
    });
}

#[test]
fn a_process_that_fails_says_why_and_leaves_nothing() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 100");
    let script = fixture.rootfs().join("bin/script");
    std::fs::write(&script, "#!/bin/perl -w\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    type Case = (fn(&mut Process), ErrorKind, &'static str);
    let cases: [Case; 6] = [
        (
            |p| p.args = vec!["nosuch".into()],
            ErrorKind::Step,
            "cannot find program nosuch: executable file not found in PATH, `/bin`",
        ),
        (|p| p.args = vec!["script".into()], ErrorKind::Step, "interpreter `/bin/perl`"),
        (|p| p.args.clear(), ErrorKind::Refused, "there is no program to run"),
        (|p| p.cwd = "/no/such".into(), ErrorKind::Step, "/no/such"),
        (|p| p.cwd = "/proc/self/fd/3".into(), ErrorKind::Step, "/proc/self/fd/3"),
        (|p| p.apparmor_profile = Some("x".into()), ErrorKind::Refused, "AppArmor is not at work"),
    ];
    within(&fixture, |container| {
        for (change, kind, expected) in cases {
            let mut process = shell("true");
            change(&mut process);
            let error = run(container, process).unwrap_err();
            assert_eq!(error.kind(), kind, "{}", chain(&error));
            assert!(chain(&error).contains(expected), "{}", chain(&error));
        }
        let (text, _) = run(container, shell("set -- /proc/[0-9]*; echo $#")).unwrap();
        // The program and this shell.
        assert_eq!(text, "2\n");
    });
}

#[test]
fn a_container_that_does_not_run_gets_no_process_and_takes_all_with_it() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("sleep 100");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    // It has its namespaces already; the program has not begun.
    let (text, _) = run(&container, shell("cat /proc/1/cmdline")).unwrap();
    assert!(text.starts_with("oci-runtime: init"), "{text}");
    container.start().unwrap();
    container.pause().unwrap();
    let paused = run(&container, shell("true")).unwrap_err();
    container.resume().unwrap();
    assert_eq!(paused.kind(), ErrorKind::State);
    let sleeper = container.exec(shell("exec sleep 100"), Stdio::null()).unwrap();
    container.kill(Signal::KILL).unwrap();
    container.wait().unwrap();
    assert_eq!(sleeper.wait().unwrap().signal(), Some(9));
    let stopped = run(&container, shell("true")).unwrap_err();
    container.delete().unwrap();
    let deleted = run(&container, shell("true")).unwrap_err();
    assert_eq!((stopped.kind(), deleted.kind()), (ErrorKind::State, ErrorKind::NotFound));
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

/// A container that waits for its start in the process namespace of another, with the same rights.
#[test]
fn a_container_that_waits_is_not_seen_into_by_its_neighbours() {
    oci_testing::needs!(root, busybox);
    let first = Fixture::new().shell("sleep 1000");
    within(&first, |container| {
        let mut second = Fixture::new();
        let pid = container.state().unwrap().pid.unwrap();
        let spaces = &mut second.spec.linux.as_mut().unwrap().namespaces;
        let own = spaces.iter_mut().find(|space| space.r#type == NamespaceType::Pid).unwrap();
        own.path = Some(format!("/proc/{pid}/ns/pid"));
        let waiting = second.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        let line = "for p in /proc/[0-9]*; do \
                    grep -q '^oci-runtime: init' $p/cmdline && for f in fd/3 root cwd exe; do \
                    echo $f $(busybox readlink $p/$f); done; done";
        let seen = run(container, shell(line));
        waiting.force_delete().unwrap();
        let (text, _) = seen.map_err(|error| chain(&error)).unwrap();
        assert_eq!(text, "fd/3\nroot\ncwd\nexe\n");
        assert_eq!(second.residue(), Vec::<String>::new());
    });
}
