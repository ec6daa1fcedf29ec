//! A root filesystem with busybox, and a place for containers, removed at the end.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};

use oci_runtime::{Bundle, Container, Error, Launcher, Runtime, Spec, Stdio};
use tempfile::TempDir;

pub(crate) use oci_testing::chain;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A bundle whose root filesystem has busybox.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) spec: Spec,
    pub(crate) id: String,
}

/// What a container left behind when it ended.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    /// As the user that runs the test.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("oci-runtime-").tempdir().unwrap();
        let rootfs = dir.path().join("rootfs");
        for name in ["bin", "dev", "proc", "sys", "tmp", "etc", "root"] {
            fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        // Another process writes it: what is open for writing here, a fork of another thread's
        // inherits, and such a file is not run.
        let copied = Command::new("cp").arg("/bin/busybox").arg(rootfs.join("bin")).status();
        assert!(copied.unwrap().success());
        for applet in [
            "sh", "true", "cat", "id", "ls", "mount", "sleep", "grep", "hostname", "pwd", "stat",
            "touch", "echo", "env", "kill",
        ] {
            symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
        }
        let id = format!("t-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let launcher = Launcher::program(env!("CARGO_BIN_EXE_oci-runtime-init"));
        let runtime = Runtime::open(dir.path().join("run")).unwrap().launcher(launcher);
        let mut spec = Spec::linux_default();
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if uid == 0 {
            spec.linux.as_mut().unwrap().cgroups_path = Some(format!("/oci-test/{id}"));
        } else {
            spec = spec.rootless(uid, gid).spec;
        }
        spec.process.as_mut().unwrap().env = vec!["PATH=/bin".into()];
        Self { dir, runtime, spec, id }
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    /// The same, running a shell line.
    pub(crate) fn shell(mut self, line: &str) -> Self {
        self.spec.process.as_mut().unwrap().args = vec!["sh".into(), "-c".into(), line.into()];
        self
    }

    /// Mounts and cgroups of the container that are there still.
    pub(crate) fn residue(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = self.dir.path().to_str().unwrap();
        let mut found: Vec<String> =
            mounts.lines().filter(|line| line.contains(own)).map(String::from).collect();
        let groups = directories(&self.id);
        found.extend(groups.iter().map(|group| group.display().to_string()));
        found
    }

    pub(crate) fn create(&self, stdio: Stdio) -> Result<Container, Error> {
        self.runtime.create(&self.id, &Bundle::new(self.dir.path(), self.spec.clone()), stdio)
    }

    /// Runs the container from its creation to its deletion.
    pub(crate) fn run(&self) -> Result<Outcome, Error> {
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let null = File::open("/dev/null").unwrap();
        let stdio =
            Stdio::files(OwnedFd::from(null), out.try_clone().unwrap(), err.try_clone().unwrap());
        let container = self.create(stdio)?;
        let result = container.start().and_then(|()| container.wait());
        let deleted = container.force_delete();
        let status = result?;
        deleted?;
        let text = |mut file: File| {
            let mut text = String::new();
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            text
        };
        Ok(Outcome { status, stdout: text(out), stderr: text(err) })
    }
}

/// Where this container's group is, in each hierarchy that is mounted.
pub(crate) fn directories(id: &str) -> Vec<PathBuf> {
    let mounts = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    let all = mounts.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]);
    all.map(|mount| mount.join("oci-test").join(id)).filter(|path| path.is_dir()).collect()
}

/// What a shell line prints in the container of a changed specification.
pub(crate) fn prints(change: impl FnOnce(&mut Spec), line: &str) -> String {
    let mut fixture = Fixture::new().shell(line);
    change(&mut fixture.spec);
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
    format!("{}{}", outcome.stdout, outcome.stderr)
}
