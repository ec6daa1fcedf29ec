use oci_image::json;
use oci_runtime::Spec;
use oci_runtime::spec::Rootless;
use oci_runtime::spec::linux::{NamespaceType, Pids};

fn has(spec: &Spec, kind: &NamespaceType) -> bool {
    spec.linux.as_ref().unwrap().namespaces.iter().any(|namespace| namespace.r#type == *kind)
}

#[test]
fn the_default_is_apart_from_the_host() {
    let spec = Spec::linux_default();
    for kind in ["pid", "network", "ipc", "uts", "mount", "cgroup"] {
        assert!(has(&spec, &kind.into()), "{kind}");
    }
    let process = spec.process.as_ref().unwrap();
    assert_eq!(process.no_new_privileges, Some(true));
    let capabilities = process.capabilities.as_ref().unwrap();
    assert!(capabilities.ambient.is_empty() && capabilities.inheritable.is_empty());
    assert!(capabilities.bounding.iter().all(|capability| capability.as_str() != "CAP_SYS_ADMIN"));
    assert!(spec.mounts.iter().all(|mount| !mount.options.iter().any(|o| o.contains("bind"))));
}

#[test]
fn the_default_comes_back_from_its_text() {
    for spec in [Spec::linux_default(), Spec::linux_default().rootless(1000, 100).spec] {
        let text = json::to_vec(&spec).unwrap();
        assert_eq!(json::from_slice::<Spec>(&text).unwrap(), spec);
    }
}

#[test]
fn rootless_maps_the_caller_and_needs_no_rights() {
    let mut spec = Spec::linux_default();
    spec.process.as_mut().unwrap().user.as_mut().unwrap().additional_gids = vec![5];
    let mut pids = Pids::new();
    pids.limit = Some(10);
    spec.linux.as_mut().unwrap().resources.as_mut().unwrap().pids = Some(pids);
    let Rootless { spec, dropped, .. } = spec.rootless(1000, 100);
    let cgroup = "it needs a cgroup, and a caller without privileges cannot make one";
    let groups = "the kernel sets additional groups only where newgidmap or root made the mapping";
    let dropped: Vec<String> = dropped.iter().map(ToString::to_string).collect();
    assert_eq!(
        dropped,
        [
            format!("`/linux/resources/devices`: {cgroup}"),
            format!("`/linux/resources/pids`: {cgroup}"),
            format!("`/process/user/additionalGids`: {groups}"),
            "`/mounts/2/options`: option `gid=5` names an ID that is not mapped".into(),
        ]
    );
    assert!(has(&spec, &NamespaceType::User) && !has(&spec, &NamespaceType::Network));
    let linux = spec.linux.as_ref().unwrap();
    let ids = |list: &[oci_runtime::spec::IdMapping]| {
        list.iter().map(|m| (m.container_id, m.host_id, m.size)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&linux.uid_mappings), [(0, 1000, 1)]);
    assert_eq!(ids(&linux.gid_mappings), [(0, 100, 1)]);
    assert_eq!(linux.resources, None);
    let sys: Vec<_> = spec.mounts.iter().filter(|m| m.destination.starts_with("/sys")).collect();
    assert_eq!(sys.len(), 1);
    assert_eq!(sys[0].options, ["rbind", "nosuid", "noexec", "nodev", "ro"]);
    assert!(spec.mounts.iter().all(|m| m.options.iter().all(|o| !o.starts_with("gid="))));
    assert!(spec.process.unwrap().user.unwrap().additional_gids.is_empty());
}

#[test]
fn rootless_twice_is_rootless_once() {
    let once = Spec::linux_default().rootless(1000, 100).spec;
    let twice = once.clone().rootless(1000, 100);
    assert_eq!((twice.spec, twice.dropped), (once, Vec::new()));
}
