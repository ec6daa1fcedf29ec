//! A bundle of busybox, and a place for its containers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci_testing::program::{Done, copy_program, run_with};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const OCIRUN: &str = env!("CARGO_BIN_EXE_ocirun");

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A bundle, and the ID of its container.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) id: String,
}

/// Makes a root filesystem with busybox.
pub(crate) fn root_filesystem(directory: &Path) {
    for name in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp"] {
        fs::create_dir_all(directory.join(name)).unwrap();
    }
    copy_program("/bin/busybox", directory.join("bin/busybox"));
    for applet in ["sh", "true", "cat", "id", "ls", "sleep", "grep", "env", "stty", "echo"] {
        symlink("busybox", directory.join("bin").join(applet)).unwrap();
    }
}

impl Fixture {
    /// Whose program is a shell line.
    pub(crate) fn shell(line: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("ocirun-").tempdir().unwrap();
        root_filesystem(&dir.path().join("rootfs"));
        let id = format!("o-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let fixture = Self { dir, id };
        run_with(Command::new(OCIRUN).arg("spec").arg("-b").arg(fixture.dir.path())).good();
        fixture.change(|config| {
            config["process"]["terminal"] = false.into();
            config["process"]["args"] = json!(["sh", "-c", line]);
            config["process"]["env"] = json!(["PATH=/bin"]);
            config["linux"]["cgroupsPath"] = format!("/oci-test/{}", fixture.id).into();
        });
        fixture
    }

    /// Changes `config.json`.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let path = self.dir.path().join("config.json");
        let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command of a runtime, in the bundle.
    pub(crate) fn command(&self, runtime: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(runtime);
        let state = Path::new(runtime).file_name().unwrap().to_string_lossy();
        command.arg("--root").arg(self.path(&format!("state-{state}")));
        command.args(arguments).current_dir(self.dir.path());
        command
    }

    /// Runs a command of a runtime. A process that it leaves has none of the pipes that its output is read from.
    pub(crate) fn with(&self, runtime: &str, arguments: &[&str]) -> Done {
        run_with(&mut self.command(runtime, arguments))
    }

    pub(crate) fn ocirun(&self, arguments: &[&str]) -> Done {
        self.with(OCIRUN, arguments)
    }

    /// Creates the container; its program prints to a file.
    pub(crate) fn create(&self, runtime: &str) {
        let output = fs::File::create(self.path("output")).unwrap();
        let errors = fs::File::create(self.path("errors")).unwrap();
        let mut create = self.command(runtime, &["create", "--pid-file", "pid", &self.id]);
        create.stdin(std::process::Stdio::null()).stdout(output).stderr(errors);
        let status = create.status().unwrap();
        assert!(status.success(), "{}", fs::read_to_string(self.path("errors")).unwrap());
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for runtime in [OCIRUN, "runc"] {
            let _ = self.command(runtime, &["delete", "--force", &self.id]).output();
        }
    }
}
