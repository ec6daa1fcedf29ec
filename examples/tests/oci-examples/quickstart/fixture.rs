//! A directory to run `quickstart` in, and checks that nothing is left of it.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use oci_examples::rootfs;
use oci_image::build::{self, Builder};
use oci_image::{Descriptor, Platform};
use oci_layout::Layout;
use tempfile::TempDir;

use oci_testing::program::copy_program;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// A directory with the program, and one for its temporary files.
pub(crate) struct Fixture {
    directory: TempDir,
    user: Option<u32>,
}

impl Fixture {
    /// For the user who runs the test.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        copy_program(env!("CARGO_BIN_EXE_quickstart"), directory.path().join("quickstart"));
        Self { directory, user: None }
    }

    /// For a user without privileges; to become one takes root.
    pub(crate) fn of_an_ordinary_user() -> Self {
        let fixture = Self { user: Some(NOBODY), ..Self::new() };
        chown(fixture.temporary(), Some(NOBODY), Some(NOBODY)).unwrap();
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("quickstart"));
        command.args(args).env("TMPDIR", self.temporary()).current_dir("/").stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user).env("HOME", self.temporary());
        }
        command
    }

    /// Runs the program to its end, after which nothing may be left of it.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let child =
            self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.end(child)
    }

    /// Waits for the program, after which nothing may be left of it.
    pub(crate) fn end(&self, child: Child) -> Output {
        let pid = child.id();
        let output = child.wait_with_output().unwrap();
        self.check(pid);
        output
    }

    fn check(&self, pid: u32) {
        let left: Vec<_> = fs::read_dir(self.temporary()).unwrap().collect();
        assert!(left.is_empty(), "temporary files: {left:?}");
        let temporary = self.temporary();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(temporary.to_str().unwrap()), "{mounts}");
        let id = format!("quickstart-{pid}");
        assert_eq!(groups_named(Path::new("/sys/fs/cgroup"), &id), <[PathBuf; 0]>::default());
        assert_eq!(processes_of(&temporary), <[u32; 0]>::default());
    }

    /// An image that runs `words` by default, in a layout.
    pub(crate) fn image(&self, words: &[&str]) -> (Layout, Descriptor) {
        let root = self.path("root");
        fs::create_dir(&root).unwrap();
        let command = rootfs::make(&root, &self.path("quickstart")).unwrap();
        let layout = Layout::create(self.path("images")).unwrap();
        let layer = oci_rootfs::pack(&root, &layout, &Default::default()).unwrap();
        let mut builder = Builder::new(&Platform::host()).layer(layer);
        builder = match words {
            [] => builder.cmd(command.args),
            words => builder.cmd(words.iter().copied()),
        };
        for variable in command.env {
            let (name, value) = variable.split_once('=').unwrap();
            builder = builder.env(name, value);
        }
        let manifest = layout.put_image(&builder.build().unwrap()).unwrap().descriptor().clone();
        let index = build::assemble([manifest]).unwrap().into();
        let index = layout.put_document(&index).unwrap().tag("v1").unwrap();
        (layout, index)
    }
}

fn groups_named(directory: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if entry.file_name().to_string_lossy().contains(name) {
                found.push(entry.path());
            }
            found.extend(groups_named(&entry.path(), name));
        }
    }
    found
}

/// Processes with this directory for their temporary files, as what `quickstart` starts has.
fn processes_of(temporary: &Path) -> Vec<u32> {
    let mark = format!("TMPDIR={}", temporary.display());
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let mut environment = Vec::new();
            let file = fs::File::open(format!("/proc/{pid}/environ"));
            let read = file.and_then(|mut file| file.read_to_end(&mut environment));
            read.is_ok() && environment.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
        })
        .collect()
}

/// Whether another program can make a user namespace here.
pub(crate) fn user_namespaces_work() -> bool {
    let made = Command::new("unshare").args(["--user", "--map-root-user", "true"]).output();
    made.is_ok_and(|output| output.status.success())
}

/// The one line that an unsuccessful run ends with.
pub(crate) fn complaint(output: &Output, code: i32) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    let complaints: Vec<_> = errors.lines().filter(|line| !is_step(line)).collect();
    let [complaint] = complaints[..] else { panic!("not one line: {errors}") };
    assert!(complaint.starts_with("quickstart: "), "{complaint}");
    complaint.to_owned()
}

/// Whether a line tells of a step that was done: ` 1. registry  …`, or what it leaves out.
fn is_step(line: &str) -> bool {
    line.starts_with("    without privileges ")
        || line
            .trim_start()
            .split_once(". ")
            .is_some_and(|(number, _)| number.parse::<u8>().is_ok())
}
