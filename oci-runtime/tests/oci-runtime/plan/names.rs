//! Paths, names and namespaces: what would lead elsewhere, or change the host.

use oci_runtime::spec::linux::{NamespaceType, TimeOffset};
use oci_runtime::spec::{Hook, Hooks, IdMapping, Mount};
use oci_runtime::{Host, Spec};

use super::{plan, refusals, texts};

/// A place of the specification, what a change puts there, and what is refused.
type Row = (&'static str, fn(&mut Spec), &'static str);

fn space<'a>(
    spec: &'a mut Spec,
    kind: &NamespaceType,
) -> &'a mut oci_runtime::spec::linux::Namespace {
    let spaces = &mut spec.linux.as_mut().unwrap().namespaces;
    spaces.iter_mut().find(|space| space.r#type == *kind).unwrap()
}

fn without(spec: &mut Spec, kinds: &[NamespaceType]) {
    spec.linux.as_mut().unwrap().namespaces.retain(|space| !kinds.contains(&space.r#type));
}

fn hooks(spec: &mut Spec) -> &mut Hooks {
    spec.hooks.get_or_insert_with(Hooks::new)
}

#[test]
fn paths_are_absolute_and_have_no_nul() {
    let table: [Row; 11] = [
        (
            "/linux/namespaces/1/path",
            |spec| space(spec, &NamespaceType::Network).path = Some("proc/1/ns/net".into()),
            "`proc/1/ns/net` is not absolute",
        ),
        (
            "/linux/maskedPaths/0",
            |spec| spec.linux.as_mut().unwrap().masked_paths = vec!["proc".into()],
            "`proc` is not absolute",
        ),
        (
            "/linux/readonlyPaths/0",
            |spec| spec.linux.as_mut().unwrap().readonly_paths = vec!["proc".into()],
            "`proc` is not absolute",
        ),
        (
            "/linux/readonlyPaths/1",
            |spec| {
                spec.linux.as_mut().unwrap().readonly_paths = vec!["/a".into(), "/b\0".into()];
            },
            "a NUL is in the path",
        ),
        (
            "/process/cwd",
            |spec| spec.process.as_mut().unwrap().cwd = "etc".into(),
            "`etc` is not absolute",
        ),
        (
            "/hooks/poststop/0/path",
            |spec| hooks(spec).poststop = vec![Hook::new("bin/hook".into())],
            "`bin/hook` is not absolute",
        ),
        (
            "/hooks/startContainer/0/timeout",
            |spec| {
                let mut hook = Hook::new("/bin/hook".into());
                hook.timeout = Some(0);
                hooks(spec).start_container = vec![hook];
            },
            "it is not above 0",
        ),
        (
            "/process",
            |spec| spec.process.as_mut().unwrap().args.push("a\0b".into()),
            "a NUL is in an argument, in the environment or in the working directory",
        ),
        (
            "/process",
            |spec| spec.process.as_mut().unwrap().env.push("A=\0".into()),
            "a NUL is in an argument, in the environment or in the working directory",
        ),
        (
            "/linux/cgroupsPath",
            |spec| spec.linux.as_mut().unwrap().cgroups_path = Some("//".into()),
            "`//` does not name a cgroup below another",
        ),
        (
            "/linux/cgroupsPath",
            |spec| spec.linux.as_mut().unwrap().cgroups_path = Some("/a\0".into()),
            "`/a\0` does not name a cgroup below another",
        ),
    ];
    for (pointer, change, reason) in table {
        assert_eq!(refusals(change, &Host::typical()), [format!("`{pointer}`: {reason}")]);
    }
}

#[test]
fn nothing_is_mounted_over_the_root_or_nowhere() {
    for (destination, place, reason) in [
        ("", "", "the destination is empty or has a NUL in it"),
        ("/mnt\0", "", "the destination is empty or has a NUL in it"),
        ("/", "/destination", "the root filesystem cannot be mounted over"),
        ("/./..//", "/destination", "the root filesystem cannot be mounted over"),
    ] {
        let change = |spec: &mut Spec| {
            let mut mount = Mount::new(destination.into());
            (mount.r#type, mount.source) = (Some("tmpfs".into()), Some("tmpfs".into()));
            spec.mounts = vec![mount];
        };
        let expected = format!("`/mounts/0{place}`: {reason}");
        assert_eq!(refusals(change, &Host::typical()), [expected]);
    }
}

#[test]
fn kernel_parameters_are_those_of_namespaces_that_the_container_has() {
    for (key, kind, word) in [
        ("kernel.hostname", NamespaceType::Uts, "uts"),
        ("kernel.domainname", NamespaceType::Uts, "uts"),
        ("net.ipv4.ip_forward", NamespaceType::Network, "network"),
        ("net/ipv4/ip_forward", NamespaceType::Network, "network"),
        ("kernel.shmmax", NamespaceType::Ipc, "ipc"),
        ("kernel.msg_next_id", NamespaceType::Ipc, "ipc"),
        ("kernel.sem_next_id", NamespaceType::Ipc, "ipc"),
        ("kernel.shm_next_id", NamespaceType::Ipc, "ipc"),
        ("fs.mqueue.msg_max", NamespaceType::Ipc, "ipc"),
        ("user.max_user_namespaces", NamespaceType::User, "user"),
    ] {
        let with = |spec: &mut Spec| {
            let linux = spec.linux.as_mut().unwrap();
            linux.sysctl.insert(key.into(), "1".into());
            linux.namespaces.push(oci_runtime::spec::linux::Namespace::new(NamespaceType::User));
            let all = vec![IdMapping::new(0, 0, 1000)];
            (linux.uid_mappings, linux.gid_mappings) = (all.clone(), all);
        };
        let mut spec = Spec::linux_default();
        with(&mut spec);
        assert_eq!(plan(spec, &Host::typical()).err().map(|refusals| texts(&refusals)), None);
        let found = refusals(
            |spec| {
                with(spec);
                without(spec, &[kind]);
            },
            &Host::typical(),
        );
        let reason = format!("it would change the host: the container has no {word} namespace");
        let expected = format!("`/linux/sysctl/{key}`: {reason}");
        assert!(found.contains(&expected), "{found:?}");
    }
    let nul = "net.ipv4.ip_forward\0";
    let found = refusals(
        |spec| drop(spec.linux.as_mut().unwrap().sysctl.insert(nul.into(), "1".into())),
        &Host::typical(),
    );
    assert_eq!(found, [format!("`/linux/sysctl/{nul}`: it is not the name of a kernel parameter")]);
}

#[test]
fn nothing_of_the_host_is_named_or_set_off() {
    let long = "x".repeat(65);
    let fits = |spec: &mut Spec| spec.hostname = Some("x".repeat(64));
    let mut spec = Spec::linux_default();
    fits(&mut spec);
    assert!(plan(spec, &Host::typical()).is_ok());
    let found = refusals(
        |spec| (spec.hostname, spec.domainname) = (Some(long.clone()), Some(long.clone())),
        &Host::typical(),
    );
    let reason = "the kernel takes 64 bytes at most";
    assert_eq!(found, ["/hostname", "/domainname"].map(|place| format!("`{place}`: {reason}")));
    let found = refusals(
        |spec| {
            without(spec, &[NamespaceType::Uts]);
            (spec.hostname, spec.domainname) = (Some("a".into()), Some("b".into()));
            let offsets = &mut spec.linux.as_mut().unwrap().time_offsets;
            offsets.insert("boottime".into(), TimeOffset::new());
        },
        &Host::typical(),
    );
    assert_eq!(
        found,
        [
            "`/linux/timeOffsets`: clocks can be set off in a new time namespace only",
            "`/hostname`: it would change the host: there is no UTS namespace",
            "`/domainname`: it would change the host: there is no UTS namespace",
        ]
    );
}

#[test]
fn a_container_has_a_mount_namespace_of_its_own() {
    let found = refusals(|spec| without(spec, &[NamespaceType::Mount]), &Host::typical());
    assert_eq!(
        found,
        ["`/linux/namespaces`: there is no mount namespace: mounts would change the host's"]
    );
    let join = |spec: &mut Spec| {
        space(spec, &NamespaceType::Mount).path = Some("/proc/1/ns/mnt".into());
    };
    let found = refusals(join, &Host::typical());
    assert_eq!(found, ["`/linux/namespaces`: joining a mount namespace is not supported"]);
}

#[test]
fn namespaces_that_the_kernel_lacks_are_named() {
    let mut host = Host::typical();
    host.namespaces.retain(|name| name != "cgroup");
    let found = refusals(|_| {}, &host);
    assert_eq!(found, ["`/linux/namespaces/5`: the kernel has no cgroup namespaces"]);
}

/// The kernel mounts them only for the owner of the namespace that they show.
#[test]
fn filesystems_that_show_namespaces_need_one_of_the_container_in_a_user_namespace() {
    for (kind, shown, word) in [
        ("proc", NamespaceType::Pid, "pid"),
        ("sysfs", NamespaceType::Network, "network"),
        ("mqueue", NamespaceType::Ipc, "ipc"),
        ("cgroup2", NamespaceType::Cgroup, "cgroup"),
    ] {
        let found = refusals(
            |spec| {
                *spec = spec.clone().rootless(0, 0).spec;
                without(spec, &[shown]);
                let mut mount = Mount::new("/mnt".into());
                (mount.r#type, mount.source) = (Some(kind.into()), Some(kind.into()));
                spec.mounts = vec![mount];
            },
            &Host::typical(),
        );
        let reason = format!("in a user namespace, {kind} needs a {word} namespace of its own");
        assert_eq!(found, [format!("`/mounts/0`: {reason}")]);
    }
}

#[test]
fn the_cgroups_of_the_host_are_not_mounted_in_a_user_namespace() {
    let found = refusals(
        |spec| {
            *spec = spec.clone().rootless(0, 0).spec;
            without(spec, &[NamespaceType::Cgroup]);
            let mut mount = Mount::new("/mnt".into());
            (mount.r#type, mount.source) = (Some("cgroup".into()), Some("cgroup".into()));
            spec.mounts = vec![mount];
        },
        &Host::typical(),
    );
    let reason =
        "in a user namespace, mounting cgroups needs a cgroup namespace of the container's own";
    assert_eq!(found, [format!("`/mounts/0`: {reason}")]);
}
