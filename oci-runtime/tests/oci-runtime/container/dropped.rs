//! Handles that are dropped before what they are of has ended.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;

use oci_runtime::{Exec, Signal, Stdio};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::exec::shell;
use super::fixture::{Fixture, chain};

fn wait_until_ended(pidfd: &OwnedFd) {
    assert_eq!(poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None), Ok(1));
}

/// Whether the kernel keeps a child of this process that has ended.
fn is_zombie(pidfd: &OwnedFd) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::PidFd(pidfd.as_fd()), options) {
        Ok(found) => found.is_some(),
        Err(error) => {
            assert_eq!(error, Errno::CHILD);
            false
        }
    }
}

#[test]
fn a_container_is_no_zombie_after_the_next_call() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let pidfd = container.as_fd().try_clone_to_owned().unwrap();
    drop(container);
    let found = fixture.runtime.container(&fixture.id).unwrap();
    found.kill(Signal::KILL).unwrap();
    wait_until_ended(&pidfd);
    assert!(is_zombie(&pidfd));
    assert_eq!(fixture.runtime.list().unwrap().len(), 1);
    assert!(!is_zombie(&pidfd));
    // How it ended is not lost.
    assert_eq!(found.wait().map_err(|error| chain(&error)).unwrap().signal(), Some(9));
    found.delete().unwrap();
}

/// Not at once: where the caller ends, too, its parent learns how the container ended.
#[test]
fn a_container_that_has_ended_is_no_zombie_after_the_next_call() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("exit 3");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let pidfd = container.as_fd().try_clone_to_owned().unwrap();
    wait_until_ended(&pidfd);
    drop(container);
    assert!(is_zombie(&pidfd));
    assert_eq!(fixture.runtime.list().unwrap().len(), 1);
    assert!(!is_zombie(&pidfd));
    let found = fixture.runtime.container(&fixture.id).unwrap();
    assert_eq!(found.wait().map_err(|error| chain(&error)).unwrap().code(), Some(3));
    found.delete().unwrap();
}

#[test]
fn an_added_process_is_no_zombie_after_the_next_call() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let process = container.exec(shell("exec sleep 1000"), Stdio::null()).unwrap();
    let pidfd = process.as_fd().try_clone_to_owned().unwrap();
    process.kill(Signal::KILL).unwrap();
    drop(process);
    wait_until_ended(&pidfd);
    container.exec(shell("true"), Stdio::null()).unwrap().wait().unwrap();
    assert!(!is_zombie(&pidfd));
    container.force_delete().unwrap();
}

#[test]
fn an_added_process_that_is_a_child_of_the_caller_is_left_to_the_caller() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("sleep 1000");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    container.start().unwrap();
    let process = container.exec(Exec::new(shell("exit 3")).as_own_child(), Stdio::null()).unwrap();
    let pidfd = process.as_fd().try_clone_to_owned().unwrap();
    wait_until_ended(&pidfd);
    drop(process);
    container.exec(shell("true"), Stdio::null()).unwrap().wait().unwrap();
    assert!(is_zombie(&pidfd));
    let ended = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).unwrap().unwrap();
    assert_eq!(ended.exit_status(), Some(3));
    container.force_delete().unwrap();
}
