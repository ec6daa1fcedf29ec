//! Containers of busybox, made and entered side by side with the programs that others use.
//!
//! Makes its own bundle, runs all contestants in turn, and prints medians. As root, with cgroups, `busybox`, `runc`, `crun`
//! and `unshare`; a contestant that is not installed is left out. `ocirun` is expected beside this program:
//! `cargo build --release -p oci-benches -p ocirun`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use oci_benches::arguments::Arguments;
use oci_benches::contest::Contest;
use oci_testing::program::copy_program;

const USAGE: &str = "\
usage: compare-runtimes [DIRECTORY [ROUNDS [TIMES]]]

  DIRECTORY   where the bundle is made and removed (a new one in the temporary directory)
  ROUNDS      how often each contestant runs (5)
  TIMES       how often it does the task in each run (20)";

fn main() {
    let Some(arguments) = Arguments::read(USAGE, |_| ()) else { return };
    arguments.compare("compare-runtimes", |directory| {
        bundle(directory);
        let times = arguments.size(0, 20);
        (format!("{times} times each, busybox"), contests(directory, times))
    });
}

/// A root filesystem with busybox, and the configuration of `ocirun spec` for a program that ends at once.
fn bundle(directory: &Path) {
    let root = directory.join("rootfs");
    for name in ["bin", "dev", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    copy_program("/bin/busybox", root.join("bin/busybox"));
    for applet in ["true", "sleep"] {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    let spec = Command::new(ocirun()).arg("spec").arg("-b").arg(directory).status().unwrap();
    assert!(spec.success());
    let path = directory.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["true"]);
    config["process"]["env"] = serde_json::json!(["PATH=/bin"]);
    config["linux"]["cgroupsPath"] = "/oci-test/compare-runtimes".into();
    fs::write(path, config.to_string()).unwrap();
}

fn ocirun() -> String {
    let beside = std::env::current_exe().unwrap().with_file_name("ocirun");
    beside.display().to_string()
}

fn contests(directory: &Path, times: u64) -> Vec<Contest> {
    let here = directory.display();
    let root = |name: &str| format!("--root '{here}/state-{name}'");
    let ours = format!("'{}' {}", ocirun(), root("ocirun"));
    let runc = format!("runc {}", root("runc"));
    // It refuses hosts with both versions of cgroups.
    let crun = |line: &str| {
        format!(
            "command -v crun > /dev/null || exit 127; unshare -m --propagation private sh -c \
             'umount /sys/fs/cgroup/unified 2> /dev/null; {line}'"
        )
    };
    let repeat = |line: String| format!("cd '{here}'; for i in $(seq {times}); do {line}; done");
    let run = |runtime: &str| repeat(format!("{runtime} run one"));
    let life = |runtime: &str| {
        let command = |words: &str| format!("{runtime} {words}");
        repeat(format!(
            "{} < /dev/null > /dev/null && {} && {} || exit 1",
            command("create one"),
            command("start one"),
            command("delete --force one")
        ))
    };
    let crun_root = format!("--root \"{here}/state-crun\"");
    // The same namespaces and the same program, by calls of the kernel and nothing else: no cgroup, no filter, no /dev.
    let bare =
        repeat("unshare --mount --pid --fork --uts --ipc --net chroot rootfs /bin/true".to_owned());
    vec![
        Contest::new(
            "run to the end",
            &[
                ("ours", run(&ours)),
                ("unshare and chroot", bare),
                ("runc", run(&runc)),
                (
                    "crun",
                    crun(&format!(
                        "cd \"{here}\"; for i in $(seq {times}); do crun {crun_root} run one; done"
                    )),
                ),
            ],
        ),
        Contest::new("create, start, delete", &[("ours", life(&ours)), ("runc", life(&runc))]),
        Contest::new(
            "features",
            &[
                ("ours, the program alone", repeat(format!("{ours} features > /dev/null"))),
                ("runc", repeat(format!("{runc} features > /dev/null"))),
            ],
        ),
    ]
}
