//! The cgroups of a container.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oci_runtime::Stdio;
use oci_runtime::spec::IdMapping;
use oci_runtime::spec::linux::{Namespace, NamespaceType};

use super::exec::{run, shell, within};
use super::fixture::{Fixture, chain, directories, prints};

/// The hierarchies of a process and its group in each, without the one of the host's service manager.
fn groups(pid: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let rows = text.lines().map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        (fields.next().unwrap().to_owned(), fields.next().unwrap().to_owned())
    });
    rows.collect()
}

// covers: RT-LINUX-14, RT-LINUX-15
#[test]
fn a_container_is_in_its_group_of_every_hierarchy() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("true");
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let pid = container.state().unwrap().pid.unwrap().to_string();
    let (inside, own) = (groups(&pid), groups("self"));
    container.force_delete().unwrap();
    let names = |groups: &[(String, String)]| -> BTreeSet<String> {
        groups.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&inside), names(&own));
    let expected = format!("/oci-test/{}", fixture.id);
    for (name, path) in inside {
        assert_eq!(path, expected, "{name}");
    }
}

/// Whoever may write to a group of a version 1 hierarchy could escape limits: it stays the host's.
// covers: RT-LINUX-16
#[test]
fn a_group_of_the_first_version_keeps_its_owner() {
    oci_testing::needs!(root, cgroups, busybox);
    let mut fixture = Fixture::new().shell("true");
    let linux = fixture.spec.linux.as_mut().unwrap();
    linux.namespaces.push(Namespace::new(NamespaceType::User));
    linux.uid_mappings = vec![IdMapping::new(0, 100_000, 1000)];
    linux.gid_mappings = vec![IdMapping::new(0, 200_000, 1000)];
    let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let found = directories(&fixture.id);
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    let theirs: Vec<&PathBuf> = found
        .iter()
        .filter(|path| !path.join("cgroup.controllers").exists())
        .filter(|path| owner(path) != 0 || owner(&path.join("cgroup.procs")) != 0)
        .collect();
    container.force_delete().unwrap();
    assert!(!found.is_empty());
    assert_eq!(theirs, Vec::<&PathBuf>::new());
}

// covers: RT-LINUX-13
#[test]
fn a_group_that_is_there_already_is_anothers() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("true");
    // A hierarchy that is mounted, whichever it is here.
    let made = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let theirs = directories(&fixture.id).pop().unwrap();
    made.force_delete().unwrap();
    fs::create_dir_all(&theirs).unwrap();
    let error = fixture.create(Stdio::null()).map(drop).map_err(|error| chain(&error));
    let (still_there, others) = (theirs.is_dir(), directories(&fixture.id).len() - 1);
    fs::remove_dir(&theirs).unwrap();
    let error = error.unwrap_err();
    assert!(error.contains(theirs.to_str().unwrap()), "{error}");
    assert!(still_there);
    assert_eq!(others, 0, "what the creation made is left");
}

/// Directories of this name at the top of the hierarchies.
fn tops(name: &str) -> Vec<PathBuf> {
    let mounts = fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().path());
    let all = mounts.chain([PathBuf::from("/sys/fs/cgroup")]);
    all.map(|mount| mount.join(name)).filter(|path| path.is_dir()).collect()
}

fn fixture_below(parent: &str) -> Fixture {
    let mut fixture = Fixture::new().shell("true");
    let path = format!("/{parent}/deep/{}", fixture.id);
    fixture.spec.linux.as_mut().unwrap().cgroups_path = Some(path);
    fixture
}

#[test]
fn the_last_of_two_containers_removes_the_parents_that_the_first_made() {
    oci_testing::needs!(root, cgroups, busybox);
    let parent = format!("oci-test-last-{}", std::process::id());
    let (first, second) = (fixture_below(&parent), fixture_below(&parent));
    let make = |fixture: &Fixture| fixture.create(Stdio::null()).map_err(|error| chain(&error));
    let (a, b) = (make(&first).unwrap(), make(&second).unwrap());
    assert!(!tops(&parent).is_empty());
    a.force_delete().unwrap();
    assert!(!tops(&parent).is_empty());
    b.force_delete().unwrap();
    assert_eq!(tops(&parent), <[PathBuf; 0]>::default());
}

#[test]
fn containers_that_come_and_go_at_once_leave_no_parent() {
    oci_testing::needs!(root, cgroups, busybox);
    let parent = format!("oci-test-race-{}", std::process::id());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..4 {
                    fixture_below(&parent).run().map_err(|error| chain(&error)).unwrap();
                }
            });
        }
    });
    assert_eq!(tops(&parent), <[PathBuf; 0]>::default());
}

#[test]
fn a_parent_that_another_made_stays() {
    oci_testing::needs!(root, cgroups, busybox);
    let parent = format!("oci-test-theirs-{}", std::process::id());
    let fixture = Fixture::new().shell("true");
    let made = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
    let mounted = directories(&fixture.id).pop().unwrap();
    made.force_delete().unwrap();
    let theirs = mounted.ancestors().nth(2).unwrap().join(&parent);
    fs::create_dir(&theirs).unwrap();
    let outcome = fixture_below(&parent).run().map_err(|error| chain(&error));
    let left = tops(&parent);
    fs::remove_dir(&theirs).unwrap();
    outcome.unwrap();
    assert_eq!(left, [theirs]);
}

#[test]
fn without_a_cgroup_namespace_a_container_sees_its_own_cgroup_alone() {
    oci_testing::needs!(root, cgroups, busybox);
    // Where there is one hierarchy, it sees all of it.
    if Path::new("/sys/fs/cgroup/cgroup.procs").exists() {
        return;
    }
    let line = "for d in /sys/fs/cgroup/*; do grep -cx 1 $d/cgroup.procs; done";
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().count();
    for user_namespace in [false, true] {
        let printed = prints(
            |spec| {
                let linux = spec.linux.as_mut().unwrap();
                linux.namespaces.retain(|space| space.r#type != NamespaceType::Cgroup);
                if user_namespace {
                    linux.namespaces.push(Namespace::new(NamespaceType::User));
                    linux.uid_mappings = vec![IdMapping::new(0, 0, 1000)];
                    linux.gid_mappings = vec![IdMapping::new(0, 0, 1000)];
                }
            },
            line,
        );
        assert_eq!(printed, "1\n".repeat(hierarchies));
    }
}

/// The directory of the unified hierarchy, where the container has a group in it.
fn unified(id: &str) -> Option<PathBuf> {
    directories(id).into_iter().find(|path| path.join("cgroup.controllers").exists())
}

/// Like a service manager in a container that gives its services groups of their own.
#[test]
fn a_process_is_added_to_a_container_that_hands_its_controllers_on() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::new().shell("exec sleep 100");
    let line = "grep ^0:: /proc/self/cgroup";
    within(&fixture, |container| {
        let Some(group) = unified(&fixture.id) else { return };
        let inner = group.join("inner");
        fs::create_dir(&inner).unwrap();
        let first = container.state().unwrap().pid.unwrap().to_string();
        fs::write(inner.join("cgroup.procs"), first).unwrap();
        let (text, _) = run(container, shell(line)).unwrap();
        assert_eq!(text, "0::/\n");
        // With controllers that bound whole processes, those are only in the groups at the bottom.
        let has = fs::read_to_string(group.join("cgroup.controllers")).unwrap();
        let whole = ["memory", "io", "hugetlb"].into_iter().find(|name| has.contains(name));
        let Some(controller) = whole else { return };
        fs::write(group.join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
        let (text, _) = run(container, shell(line)).unwrap();
        assert_eq!(text, "0::/inner\n");
    });
}
