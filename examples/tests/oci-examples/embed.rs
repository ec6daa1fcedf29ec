use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use oci_testing::program::copy_program;

/// 200 containers take a few seconds. What takes this long hangs.
const HANGS: Duration = Duration::from_secs(240);

const BIN: &str = env!("CARGO_BIN_EXE_embed_in_tokio");

/// Runs the program, which must succeed and report that each part of its state is as before.
fn assert_unchanged_by(number: usize, command: &mut Command) {
    let child = command.arg(number.to_string()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (ended, output) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output().unwrap()));
    let output = output.recv_timeout(HANGS).unwrap_or_else(|_| {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{number} containers were not done after {HANGS:?}");
    });
    let told = String::from_utf8(output.stderr).unwrap();
    let told: Vec<_> = told.lines().collect();
    assert_eq!(told.first(), Some(&&*format!("{number} containers ran")), "{told:?}");
    for part in
        ["working directory", "environment", "umask", "signals", "oom_score_adj", "descriptors"]
    {
        let line = format!("{part}: as before");
        assert!(told.contains(&&*line), "no `{line}` in {told:?}");
    }
    assert_eq!(told.len(), 7, "{told:?}");
    assert!(output.status.success(), "{told:?}");
    assert_eq!(left_by(pid), Vec::<String>::new());
}

/// The cgroups that the program has made and not removed.
fn left_by(pid: Pid) -> Vec<String> {
    let prefix = format!("embedded-{}-", pid.as_raw_nonzero());
    let mut left = Vec::new();
    for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        let groups = fs::read_dir(hierarchy.path().join("oci-test"));
        let names = groups.into_iter().flatten().flatten().map(|group| group.file_name());
        left.extend(names.filter_map(|name| name.into_string().ok()));
    }
    left.retain(|name| name.starts_with(&prefix));
    left
}

#[test]
fn two_hundred_containers_of_a_busy_program_neither_hang_nor_change_it() {
    oci_testing::needs!(user_namespaces);
    let mut command = Command::new(BIN);
    if rustix::process::geteuid().is_root() {
        command.args(["--cgroup", "/oci-test"]);
    }
    assert_unchanged_by(200, &mut command);
}

#[test]
fn an_ordinary_user_runs_containers_too() {
    oci_testing::needs!(root, user_namespaces_of_others);
    // Where the user may read it.
    let directory = tempfile::Builder::new().permissions(world_readable()).tempdir().unwrap();
    let program = directory.path().join("embed_in_tokio");
    copy_program(BIN, &program);
    assert_unchanged_by(40, Command::new(program).current_dir("/").uid(60_123).gid(60_123));
}

fn world_readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}
