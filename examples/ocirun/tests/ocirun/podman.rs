//! Under podman and conmon.

use std::process::Command;

use oci_testing::program::{Done, run_with};
use tempfile::TempDir;

use super::fixture::{OCIRUN, root_filesystem};

/// A podman with everything in a directory of its own.
struct Podman(TempDir);

impl Podman {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("ocirun-").tempdir().unwrap();
        root_filesystem(&directory.path().join("rootfs"));
        Self(directory)
    }

    fn run(&self, line: &str, more: &[&str]) -> Done {
        let mut podman = Command::new("podman");
        for (option, name) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            podman.arg(option).arg(self.0.path().join(name));
        }
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]);
        podman.args(["--runtime", OCIRUN]).args(line.split(' ')).args(more);
        run_with(podman.current_dir(self.0.path()))
    }

    /// Makes a container of the root filesystem, by options and a program.
    fn make(&self, options: &str, program: &[&str]) -> Done {
        let limits = "--ulimit=nofile=1024 --ulimit=nproc=1024 --cgroup-parent=/oci-test";
        let rootfs = self.0.path().join("rootfs");
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
    }
}

#[test]
fn podman_runs_containers() {
    oci_testing::needs!(root, cgroups, busybox, "podman", "conmon");
    let podman = Podman::new();
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
    let podman = Podman::new();
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
    let podman = Podman::new();
    let run = |program: &str| podman.make("run --rm", &[program]);
    let (missing, not_permitted) = (run("no-such-program"), run("/etc"));
    assert_eq!((missing.code, not_permitted.code), (Some(127), Some(126)));
    assert!(missing.errors.contains("executable file not found in"), "{}", missing.errors);
}
