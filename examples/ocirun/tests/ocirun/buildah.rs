//! Under buildah.

use std::process::Command;

use oci_testing::program::{Done, run_with};
use tempfile::TempDir;

use super::fixture::{OCIRUN, root_filesystem};

/// A buildah with everything in a directory of its own.
struct Buildah(TempDir);

impl Buildah {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("ocirun-").tempdir().unwrap();
        root_filesystem(&directory.path().join("context"));
        Self(directory)
    }

    fn run(&self, line: &str, more: &[&str]) -> Done {
        let mut buildah = Command::new("buildah");
        for (option, name) in [("--root", "storage"), ("--runroot", "run")] {
            buildah.arg(option).arg(self.0.path().join(name));
        }
        buildah.arg("--storage-driver=vfs").args(line.split(' ')).args(more);
        run_with(buildah.current_dir(self.0.path()))
    }

    /// The command, with the runtime.
    fn options(&self, command: &str) -> String {
        let state = self.0.path().join("state");
        let runtime = format!("--runtime={OCIRUN} --runtime-flag=root={}", state.display());
        format!("{command} --isolation=oci {runtime} --network=none")
    }
}

#[test]
fn buildah_runs_programs_and_builds() {
    oci_testing::needs!(root, cgroups, busybox, "buildah");
    let buildah = Buildah::new();
    let file = "FROM scratch\nCOPY bin /bin\nRUN [\"/bin/sh\", \"-c\", \"echo made > /made\"]\n";
    std::fs::write(buildah.0.path().join("Containerfile"), file).unwrap();
    // buildah takes it for the container's own cgroup.
    let cgroup = format!("--cgroup-parent=/oci-test/b-{}", std::process::id());
    let build = format!("bud {cgroup} --tag base --file Containerfile");
    buildah.run(&buildah.options(&build), &["context"]).good();
    buildah.run(&format!("from {cgroup} --name one localhost/base"), &[]).good();
    let run =
        |program: &[&str]| buildah.run(&buildah.options("run"), &[&["one"], program].concat());
    assert_eq!(run(&["cat", "/made"]).good(), "made\n");
    let done = run(&["sh", "-c", "echo out; exit 4"]);
    assert_eq!((done.code, done.out.as_str()), (Some(4), "out\n"), "{}", done.errors);
    let missing = run(&["no-such-program"]);
    assert!(missing.errors.contains("executable file not found in"), "{}", missing.errors);
}
