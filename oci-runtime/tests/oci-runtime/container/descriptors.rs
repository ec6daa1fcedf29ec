//! What a program has open, and whose child it is.

use std::io::{Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use oci_runtime::spec::{Hook, Hooks, Status};
use oci_runtime::{Exec, Signal, Stdio};

use super::exec::{shell, within};
use super::fixture::{Fixture, chain};

/// Lists the open descriptors, of which the last is that of the listing, and passes on what is read from the second.
const SHOW: &str = "cd /proc/self/fd; echo *; cat <&4 >&3";

/// Descriptors 3 and 4 for the program, and this side of them.
fn two() -> (Vec<OwnedFd>, impl Read, impl Write) {
    let ((ours, theirs), (input, mut output)) = (pipe().unwrap(), pipe().unwrap());
    output.write_all(b"typed").unwrap();
    (vec![theirs.into(), input.into()], ours, output)
}

fn read(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_program_gets_the_descriptors_that_it_is_given_from_3_on() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell(SHOW);
    let mut hooks = Hooks::new();
    let mut hook = Hook::new("/bin/sh".into());
    hook.args = ["sh", "-c", "[ ! -e /proc/self/fd/4 ]"].map(String::from).to_vec();
    hooks.start_container = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let (descriptors, ours, output) = two();
    let (stdio, pipes) = Stdio::piped().unwrap();
    let container = fixture.create(stdio.descriptors(descriptors)).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    drop(output);
    assert_eq!((read(pipes.stdout).as_str(), read(ours).as_str()), ("0 1 2 3 4 5\n", "typed"));
    container.wait().unwrap();
    container.delete().unwrap();
}

#[test]
fn a_program_that_is_added_gets_the_descriptors_that_it_is_given() {
    oci_testing::needs!(user_namespaces, busybox);
    within(&Fixture::new().shell("exec sleep 1000"), |container| {
        let (descriptors, ours, output) = two();
        let (stdio, pipes) = Stdio::piped().unwrap();
        let process = container.exec(shell(SHOW), stdio.descriptors(descriptors)).unwrap();
        drop(output);
        assert_eq!((read(pipes.stdout).as_str(), read(ours).as_str()), ("0 1 2 3 4 5\n", "typed"));
        assert!(process.wait().unwrap().success());
    });
}

#[test]
fn what_is_written_to_a_pipe_is_read_by_the_program() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("cat; echo bad >&2");
    let (stdio, mut pipes) = Stdio::piped().unwrap();
    let container = fixture.create(stdio).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    pipes.stdin.write_all(b"good").unwrap();
    drop(pipes.stdin);
    assert_eq!((read(pipes.stdout).as_str(), read(pipes.stderr).as_str()), ("good", "bad\n"));
    container.wait().unwrap();
    container.delete().unwrap();
}

#[test]
fn more_descriptors_than_a_program_may_get_are_refused() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new();
    let many = || (0..201).map(|_| std::fs::File::open("/dev/null").unwrap().into());
    let error = fixture.create(Stdio::null().descriptors(many())).map(drop).unwrap_err();
    let expected =
        "cannot open standard input and output: a program gets at most 200 more descriptors";
    assert_eq!(chain(&error), expected);
    assert_eq!(fixture.residue(), Vec::<String>::new());
    let container = fixture.create(Stdio::null().descriptors(many().take(200))).unwrap();
    container.force_delete().unwrap();
}

#[test]
fn descriptors_that_are_not_open_are_not_inherited() {
    let error = Stdio::inherited_descriptors(100_000).unwrap_err().to_string();
    assert!(error.ends_with(": Bad file descriptor (os error 9)"), "{error}");
}

/// The number of the parent of a process.
fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    fields.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_process_that_is_added_is_a_child_of_the_caller_where_it_asks_for_it() {
    oci_testing::needs!(user_namespaces, busybox);
    let own = i32::try_from(std::process::id()).unwrap();
    within(&Fixture::new().shell("exec sleep 1000"), |container| {
        for (exec, is_own) in
            [(Exec::new(shell("read x")), false), (Exec::new(shell("read x")).as_own_child(), true)]
        {
            let (stdio, pipes) = Stdio::piped().unwrap();
            let process = container.exec(exec, stdio).unwrap();
            assert_eq!(parent(process.pid()) == own, is_own);
            drop(pipes);
            assert_eq!(process.wait().unwrap().code(), Some(1));
        }
        let exec = Exec::new(shell("kill -9 $$")).as_own_child();
        let status = container.exec(exec, Stdio::null()).unwrap().wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        let error = container.exec(Exec::new(shell("")).as_own_child(), Stdio::null());
        error.unwrap().wait().unwrap();
    });
}

#[test]
fn a_process_is_added_to_a_paused_container_where_it_asks_for_it() {
    oci_testing::needs!(root, cgroups, busybox);
    within(&Fixture::new().shell("exec sleep 1000"), |container| {
        container.pause().unwrap();
        let refused = container.exec(shell("true"), Stdio::null()).unwrap_err();
        assert!(chain(&refused).ends_with(": it is `paused`"), "{}", chain(&refused));
        let (stdio, mut pipes) = Stdio::piped().unwrap();
        std::thread::scope(|scope| {
            let exec = Exec::new(shell("echo runs")).even_if_paused();
            let process = scope.spawn(|| container.exec(exec, stdio));
            // It has entered the container's cgroup, which is as far as it gets.
            let waits = || container.stats().unwrap().pids.current.is_some_and(|count| count > 1);
            while !waits() {
                std::thread::yield_now();
            }
            assert_eq!(container.state().unwrap().status, Status::Paused);
            container.resume().unwrap();
            assert!(process.join().unwrap().unwrap().wait().unwrap().success());
        });
        let mut text = String::new();
        pipes.stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "runs\n");
    });
}

#[test]
fn a_container_tells_when_and_by_whom_it_was_made() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new();
    let before = SystemTime::now();
    let container = fixture.create(Stdio::null()).unwrap();
    let found = fixture.runtime.container(&fixture.id).unwrap();
    let created = found.created().unwrap();
    assert!(before <= created && created <= SystemTime::now() + Duration::from_secs(1));
    assert_eq!(found.owner().unwrap(), rustix::process::geteuid().as_raw());
    container.kill(Signal::KILL).unwrap();
    container.delete().unwrap();
    assert!(found.created().is_err() && found.owner().is_err());
}
