//! What a test needs of the machine that it runs on. What is not here is found by looking for it, and the test is skipped.

use std::ffi::CString;
use std::fs;
use std::io::{self, Write};
use std::panic::Location;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use rustix::fs::{XattrFlags, setxattr, statvfs};

/// Ends the test that it begins, aloud, where something that the test needs is not here:
///
/// ```no_run
/// # fn test() {
/// oci_testing::needs!(root, gnu_tar, "docker-registry");
/// # }
/// ```
///
/// A need is the name of a function in [`need`](mod@crate::need), or in quotes a program that must be in `PATH`.
///
/// `OCI_TESTS_SKIP` names the needs for whose lack tests may be skipped, as in `root,cargo`: a test that lacks others
/// alone fails. None has the name `deny`.
#[macro_export]
macro_rules! needs {
    ($($need:tt),+ $(,)?) => {
        if $crate::need::skips(&[$($crate::needs!(@ $need)),+]) {
            return;
        }
    };
    (@ $program:literal) => { $crate::need::program($program) };
    (@ $name:ident) => { $crate::need::$name() };
}

/// Something that a test needs.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    name: &'static str,
    is_here: bool,
}

/// Whether the test that calls it is to be skipped, which it says on standard error.
#[track_caller]
pub fn skips(needs: &[Need]) -> bool {
    let lacks: Vec<_> = needs.iter().filter(|need| !need.is_here).map(|need| need.name).collect();
    if lacks.is_empty() {
        return false;
    }
    let (all, allowed) = (lacks.join(", "), std::env::var("OCI_TESTS_SKIP").ok());
    assert!(may_lack(&lacks, allowed.as_deref()), "needs {all}; OCI_TESTS_SKIP is {allowed:?}");
    // Not by `eprintln!`, of which a test that succeeds shows nothing. One write: tests run side by side.
    let line = format!("skipped: {}: needs {all}\n", Location::caller());
    let _ = io::stderr().write_all(line.as_bytes());
    true
}

fn may_lack(lacks: &[&str], allowed: Option<&str>) -> bool {
    allowed.is_none_or(|allowed| allowed.split(',').any(|it| lacks.contains(&it)))
}

/// A program in `PATH`.
pub fn program(name: &'static str) -> Need {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here = std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    Need { name, is_here }
}

/// The user root of the host, who may mount.
pub fn root() -> Need {
    const CAP_SYS_ADMIN: u64 = 21;
    // In a user namespace of its own, root may not mount what it likes.
    let users = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_initial = users.split_whitespace().eq(["0", "0", "4294967295"]);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    let may_mount = effective & 1 << CAP_SYS_ADMIN != 0;
    Need { name: "root", is_here: rustix::process::geteuid().is_root() && is_initial && may_mount }
}

/// User namespaces for whoever runs the test.
pub fn user_namespaces() -> Need {
    static IS_HERE: LazyLock<bool> =
        LazyLock::new(|| succeeds("unshare", &["--user", "--map-root-user", "true"]));
    Need { name: "user namespaces", is_here: *IS_HERE }
}

/// User namespaces for others than root, who runs the test.
pub fn user_namespaces_of_others() -> Need {
    static IS_HERE: LazyLock<bool> = LazyLock::new(|| {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let unshare = ["unshare", "--user", "--map-root-user", "true"];
        succeeds("setpriv", &[&user[..], &unshare].concat())
    });
    Need { name: "user namespaces of others", is_here: *IS_HERE }
}

/// Control groups in which groups may be made, of either version.
pub fn cgroups() -> Need {
    static IS_HERE: LazyLock<bool> = LazyLock::new(|| {
        let mut mounts =
            cgroup_mounts("cgroup").into_iter().chain(cgroup_mounts("cgroup2")).peekable();
        mounts.peek().is_some() && mounts.all(|mount| is_writable(&mount))
    });
    Need { name: "cgroups", is_here: *IS_HERE }
}

/// The unified hierarchy of control groups, beside others or alone.
pub fn unified_cgroups() -> Need {
    static IS_HERE: LazyLock<bool> =
        LazyLock::new(|| cgroup_mounts("cgroup2").iter().any(|mount| is_writable(mount)));
    Need { name: "unified cgroups", is_here: *IS_HERE }
}

/// Where filesystems of this type are mounted.
fn cgroup_mounts(kind: &str) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.get(2) == Some(&kind))
        .map(|fields| fields[1].to_owned())
        .collect()
}

/// Whether a group may be made there.
fn is_writable(mount: &str) -> bool {
    let group = Path::new(mount).join(format!("oci-testing-{}", std::process::id()));
    fs::create_dir(&group).and_then(|()| fs::remove_dir(&group)).is_ok()
}

/// Files that are mounted as disks.
pub fn loop_devices() -> Need {
    Need { name: "loop devices", is_here: Path::new("/dev/loop-control").exists() }
}

/// A busybox that needs no other files, where root filesystems are made of it.
pub fn busybox() -> Need {
    static IS_HERE: LazyLock<bool> = LazyLock::new(|| {
        let program = fs::read("/bin/busybox").unwrap_or_default();
        // The interpreter of a program with libraries is named near its beginning.
        let start = program.get(..4096).unwrap_or_default();
        !start.is_empty() && !start.windows(4).any(|bytes| bytes == b"/ld-")
    });
    Need { name: "busybox", is_here: *IS_HERE }
}

/// GNU tar as `tar`.
pub fn gnu_tar() -> Need {
    Need { name: "GNU tar", is_here: says("tar", "GNU tar") }
}

/// The runc that follows a link at `/dev`.
pub fn runc_1_1_5() -> Need {
    Need { name: "runc 1.1.5", is_here: says("runc", "runc version 1.1.5") }
}

/// Crates of crates.io, as far as `examples/known-bad` needs them.
pub fn crates_io() -> Need {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/known-bad/Cargo.toml");
    let fetch = ["fetch", "--quiet", "--locked", "--manifest-path", manifest];
    Need { name: "crates.io", is_here: succeeds("cargo", &fetch) }
}

/// The file of cases that `OCI_SPEC_CASES` names.
pub fn spec_cases() -> Need {
    Need { name: "OCI_SPEC_CASES", is_here: std::env::var_os("OCI_SPEC_CASES").is_some() }
}

/// Files in the directory for temporary files that have attributes of users.
pub fn user_attributes() -> Need {
    Need { name: "user attributes", is_here: keeps("user.oci-testing", b"1") }
}

/// Files in the directory for temporary files that have access control lists.
pub fn access_control_lists() -> Need {
    // Version 2: all rights for the owner and none for anyone else.
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, rights) in [(0x01u16, 7u16), (0x04, 0), (0x20, 0)] {
        list.extend(tag.to_le_bytes().into_iter().chain(rights.to_le_bytes()));
        list.extend(u32::MAX.to_le_bytes());
    }
    Need { name: "access control lists", is_here: keeps("system.posix_acl_default", &list) }
}

/// Whether a directory for temporary files may have this attribute.
fn keeps(name: &str, value: &[u8]) -> bool {
    let directory = tempfile::tempdir().unwrap();
    setxattr(directory.path(), CString::new(name).unwrap(), value, XattrFlags::empty()).is_ok()
}

/// Room for 200 MB of temporary files.
pub fn disk() -> Need {
    let free = statvfs(std::env::temp_dir()).map_or(0, |system| system.f_bavail * system.f_frsize);
    Need { name: "200 MB of disk", is_here: free > 200_000_000 }
}

/// Two threads that run at the same time.
pub fn two_processors() -> Need {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Need { name: "two processors", is_here: count > 1 }
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a program's version is this one.
fn says(program: &str, version: &str) -> bool {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_skipped_for_what_is_not_here_and_may_lack() {
        crate::needs!("sh");
        assert!(!program("no-such-program").is_here);
        assert!(may_lack(&["root"], None));
        assert!(may_lack(&["root", "tar"], Some("cargo,root")));
        assert!(!may_lack(&["tar"], Some("cargo,root")));
        assert!(!may_lack(&["root"], Some("deny")));
        assert!(!may_lack(&["root"], Some("")));
    }
}
