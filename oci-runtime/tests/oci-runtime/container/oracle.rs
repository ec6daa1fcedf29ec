//! The same specification run by runc: the program sees the same.

use std::fs;
use std::process::Command;

use super::fixture::{Fixture, chain};

/// What tells who the program is and what is mounted where, without what differs from run to run.
const LOOK: &str = "grep -E '^(Uid|Gid|Groups|Cap[A-Za-z]*|NoNewPrivs|Seccomp):' /proc/self/status; umask; pwd; \
                    echo $PATH; while read -r id parent dev root target flags rest; do \
                    echo $target $flags; done < /proc/self/mountinfo";

#[test]
fn a_program_sees_what_runc_shows_it() {
    oci_testing::needs!(root, busybox, "runc");
    let fixture = Fixture::new().shell(LOOK);
    let ours = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(ours.stderr, "");
    let config = oci_image::json::to_vec(&fixture.spec).unwrap();
    fs::write(fixture.dir.path().join("config.json"), config).unwrap();
    let theirs = Command::new("runc")
        .arg("--root")
        .arg(fixture.dir.path().join("runc"))
        .args(["run", &fixture.id])
        .current_dir(fixture.dir.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let masked = &fixture.spec.linux.as_ref().unwrap().masked_paths;
    let sorted = |text: &str| {
        // What covers a masked path is read-only with us, and so is the directory of the cgroup hierarchies,
        // to which we add the unified one.
        let differs = |line: &&str| {
            let target = line.split(' ').next().unwrap_or_default();
            target.starts_with("/sys/fs/cgroup") || masked.iter().any(|path| path == target)
        };
        let mut lines: Vec<String> =
            text.lines().filter(|line| !differs(line)).map(String::from).collect();
        lines.sort_unstable();
        lines
    };
    let theirs = format!(
        "{}{}",
        String::from_utf8_lossy(&theirs.stdout),
        String::from_utf8_lossy(&theirs.stderr)
    );
    assert_eq!(sorted(&ours.stdout), sorted(&theirs));
}
