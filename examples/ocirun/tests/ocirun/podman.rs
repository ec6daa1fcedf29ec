//! Under podman and conmon.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use oci_testing::program::{Done, copy_program, run, run_with};
use tempfile::TempDir;

use super::fixture::{OCIRUN, root_filesystem};

/// A podman with everything in a directory of its own.
struct Podman {
    directory: TempDir,
    /// What runs it as another user.
    prefix: &'static [&'static str],
}

/// As a user without privileges.
const AS_NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

impl Podman {
    fn new(prefix: &'static [&'static str]) -> Self {
        let directory = tempfile::Builder::new().prefix("ocirun-").tempdir().unwrap();
        root_filesystem(&directory.path().join("rootfs"));
        // Others may not reach the program where it was built.
        std::fs::create_dir(directory.path().join("bin")).unwrap();
        copy_program(OCIRUN, directory.path().join("bin/ocirun"));
        // podman does not pass `--runtime-flag` on to what cleans up when a container has ended.
        let own = directory.path().display();
        let script = format!("#!/bin/sh\nexec {own}/bin/ocirun --root {own}/state \"$@\"\n");
        let runtime = directory.path().join("bin/runtime");
        std::fs::write(&runtime, script).unwrap();
        std::fs::set_permissions(runtime, Permissions::from_mode(0o755)).unwrap();
        if !prefix.is_empty() {
            run("chown", &["-R".as_ref(), "65534:65534".as_ref(), directory.path().as_os_str()])
                .good();
        }
        Self { directory, prefix }
    }

    fn run(&self, line: &str, more: &[&str]) -> Done {
        let place = |name: &str| self.directory.path().join(name);
        let mut words = self.prefix.iter().chain(&["podman"]);
        let mut podman = Command::new(words.next().unwrap_or(&""));
        podman.args(words).env("HOME", self.directory.path());
        podman.env("XDG_RUNTIME_DIR", self.directory.path()).current_dir(self.directory.path());
        for (option, name) in [
            ("--root", "storage"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
            ("--runtime", "bin/runtime"),
        ] {
            podman.arg(option).arg(place(name));
        }
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]);
        run_with(podman.args(line.split(' ')).args(more))
    }

    /// Makes a container of the root filesystem, by options and a program.
    fn make(&self, options: &str, program: &[&str]) -> Done {
        let limits = "--ulimit=nofile=1024 --ulimit=nproc=1024 --cgroup-parent=/oci-test";
        let rootfs = self.directory.path().join("rootfs");
        let line = format!(
            "{options} --network=none --cgroups=no-conmon {limits} --rootfs {}",
            rootfs.display()
        );
        self.run(&line, program)
    }

    fn shell(&self, options: &str, line: &str) -> Done {
        self.make(options, &["sh", "-c", line])
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.run("rm --all --force --time 0", &[]);
        // Ends the process that keeps a user's namespace.
        self.run("system migrate", &[]);
    }
}

#[test]
fn podman_runs_containers() {
    oci_testing::needs!(root, cgroups, busybox, "podman", "conmon");
    let podman = Podman::new(&[]);
    let done = podman.shell("run --rm", "echo out; echo bad >&2; exit 5");
    assert_eq!((done.code, &*done.out, &*done.errors), (Some(5), "out\n", "bad\n"));
    let limited = podman.shell(
        "run --rm --uidmap 0:1000:2000 --memory 64m --pids-limit 30",
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max || \
         cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max",
    );
    assert_eq!(limited.good(), "67108864\n30\n");
}

#[test]
fn podman_adds_programs_and_stops() {
    oci_testing::needs!(root, cgroups, busybox, "podman", "conmon");
    let podman = Podman::new(&[]);
    podman
        .shell("run --detach --name one", "trap 'exit 9' TERM; while :; do sleep 0.1; done")
        .good();
    let done =
        podman.run("exec --user 7:8 --env A=b one sh -c", &["id -u; id -g; echo $A; exit 4"]);
    assert_eq!((done.code, &*done.out), (Some(4), "7\n8\nb\n"), "{}", done.errors);
    let terminal = podman.run("exec --tty one sh -c", &["ls -l /proc/self/fd/0"]).good();
    assert!(terminal.contains("/dev/pts/0"), "{terminal}");
    let missing = podman.run("exec one no-such-program", &[]);
    assert_eq!(missing.code, Some(127), "{}", missing.errors);
    podman.run("pause one", &[]).good();
    assert_eq!(podman.run("inspect --format {{.State.Status}} one", &[]).good(), "paused\n");
    podman.run("unpause one", &[]).good();
    podman.run("stop one", &[]).good();
    assert_eq!(podman.run("inspect --format {{.State.ExitCode}} one", &[]).good(), "9\n");
    podman.run("rm one", &[]).good();
}

#[test]
fn podman_tells_a_missing_program_from_one_that_may_not_be_run() {
    oci_testing::needs!(root, cgroups, busybox, "podman", "conmon");
    let podman = Podman::new(&[]);
    let run = |program: &str| podman.make("run --rm", &[program]);
    let (missing, not_permitted) = (run("no-such-program"), run("/etc"));
    assert_eq!((missing.code, not_permitted.code), (Some(127), Some(126)));
    assert!(missing.errors.contains("executable file not found in"), "{}", missing.errors);
}

#[test]
fn podman_makes_containers_of_many_kinds() {
    oci_testing::needs!(root, cgroups, busybox, "podman", "conmon");
    let podman = Podman::new(&[]);
    for (options, line, printed) in [
        (
            "--read-only --tmpfs /x",
            "echo a > /x/a; cat /x/a; touch /y 2>/dev/null || echo no",
            "a\nno\n",
        ),
        ("--pid=host --ipc=host --uts=host", "true", ""),
        ("--privileged", "echo p", "p\n"),
        ("--user=7:8 --group-add=9 --cap-drop=ALL", "id -u; id -g; id -G", "7\n8\n8 9\n"),
        (
            "--health-cmd=true --health-interval=disable --hostname=name",
            "echo $(cat /etc/hostname)",
            "name\n",
        ),
    ] {
        let done = podman.shell(&format!("run --rm {options}"), line);
        assert_eq!(done.good(), printed, "{options}");
    }
    podman
        .shell("run --detach --name=one --health-cmd=true --health-interval=disable", "sleep 1000")
        .good();
    podman.run("healthcheck run one", &[]).good();
    podman.run("restart --time=0 one", &[]).good();
    assert!(podman.run("top one args", &[]).good().contains("sleep 1000"));
}

#[test]
fn a_user_without_privileges_runs_containers_by_podman() {
    oci_testing::needs!(root, user_namespaces_of_others, busybox, "podman", "conmon", "setpriv");
    let podman = Podman::new(&AS_NOBODY);
    let done = podman.shell("run --rm", "id -u; echo made > /made; cat /made; exit 5");
    assert_eq!((done.code, &*done.out), (Some(5), "0\nmade\n"), "{}", done.errors);
    podman.shell("run --detach --name=one", "exec sleep 1000").good();
    assert_eq!(podman.run("exec one id -u", &[]).good(), "0\n");
    podman.run("stop --time=0 one", &[]).good();
}
