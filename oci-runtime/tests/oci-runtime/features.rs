//! What the runtime says that it can do, it plans.

use oci_image::validate::Lint;
use oci_runtime::spec::linux::{
    MemoryPolicy, Namespace, Seccomp, SeccompAction, Syscall, SyscallArg,
};
use oci_runtime::spec::{Capabilities, IdMapping, Mount};
use oci_runtime::{Bundle, Features, Host, Plan, Spec};

/// The mount options that the specification demands.
const MANDATORY: &str = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev \
    nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate \
    rshared rslave runbindable rw shared silent slave strictatime suid sync unbindable";

/// Plans a changed default container; anything refused, or given with a warning, fails.
fn plan(what: &str, change: impl FnOnce(&mut Spec)) -> Plan {
    let mut spec = Spec::linux_default();
    change(&mut spec);
    let bundle = Bundle::new("/bundle", spec);
    let plan = Plan::new(&bundle, &Host::typical());
    let plan = plan.unwrap_or_else(|refusals| panic!("{what}: {refusals}"));
    assert_eq!(plan.warnings(), [""; 0], "{what}");
    plan
}

// covers: RT-FEAT-01, RT-FEAT-03, RT-FEAT-04
#[test]
fn the_document_is_sound() {
    let features = Features::of_this_runtime();
    assert_eq!(features.lint(), []);
    let text = serde_json::to_vec(&features).unwrap();
    assert_eq!(oci_image::json::from_slice::<Features>(&text).unwrap(), features);
    for version in [&features.oci_version_min, &features.oci_version_max] {
        plan(version, |spec| spec.oci_version = version.clone());
    }
}

// covers: RT-FEAT-05
#[test]
fn every_mount_option_of_the_document_is_understood() {
    let words = Features::of_this_runtime().mount_options.unwrap();
    let missing: Vec<&str> =
        MANDATORY.split_whitespace().filter(|word| !words.iter().any(|w| w == word)).collect();
    assert_eq!(missing, [""; 0]);
    for word in &words {
        // A bind mount takes no word that it does not understand; these alone are for filesystems.
        let is_superblock = ["sync", "dirsync", "lazytime", "mand", "iversion", "tmpcopyup"]
            .contains(&word.as_str());
        plan(word, |spec| {
            let linux = spec.linux.as_mut().unwrap();
            linux.uid_mappings = vec![IdMapping::new(0, 1000, 10)];
            linux.gid_mappings = vec![IdMapping::new(0, 1000, 10)];
            linux.namespaces.push(Namespace::new("user".into()));
            let mut mount = Mount::new("/mnt".into());
            (mount.r#type, mount.source) = (Some("tmpfs".into()), Some("/source".into()));
            mount.options = vec![word.clone()];
            if !is_superblock {
                mount.options.push("bind".into());
            }
            spec.mounts.push(mount);
        });
    }
}

// covers: RT-FEAT-05, RT-FEAT-09
#[test]
fn every_hook_namespace_and_capability_of_the_document_is_planned() {
    let features = Features::of_this_runtime();
    for hook in features.hooks.unwrap() {
        let text = format!(r#"{{"{hook}":[{{"path":"/hook"}}]}}"#);
        let hooks = oci_image::json::from_slice(text.as_bytes()).unwrap();
        let with = plan(&hook, |spec| spec.hooks = Some(hooks));
        assert!(serde_json::to_string(&with).unwrap().contains(&format!("\"{hook}\"")), "{hook}");
    }
    let linux = features.linux.unwrap();
    for namespace in linux.namespaces.unwrap() {
        let with = plan(namespace.as_str(), |spec| {
            let linux = spec.linux.as_mut().unwrap();
            if namespace == "user" {
                linux.uid_mappings = vec![IdMapping::new(0, 1000, 10)];
                linux.gid_mappings = vec![IdMapping::new(0, 1000, 10)];
            }
            if !linux.namespaces.iter().any(|known| known.r#type == namespace) {
                linux.namespaces.push(Namespace::new(namespace.clone()));
            }
        });
        assert!(with.to_string().contains(namespace.as_str()), "{namespace}");
    }
    let capabilities = linux.capabilities.unwrap();
    let with = plan("capabilities", |spec| {
        let mut sets = Capabilities::new();
        sets.bounding = capabilities.clone();
        spec.process.as_mut().unwrap().capabilities = Some(sets);
    });
    let text = serde_json::to_string(&with).unwrap();
    for capability in capabilities {
        assert!(text.contains(capability.as_str()), "{capability}");
    }
}

// covers: RT-FEAT-11
#[test]
fn every_part_of_a_filter_in_the_document_compiles() {
    let filters = Features::of_this_runtime().linux.unwrap().seccomp.unwrap();
    let filter = |change: &dyn Fn(&mut Seccomp)| {
        let mut seccomp = Seccomp::new(SeccompAction::Allow);
        change(&mut seccomp);
        plan(&format!("{seccomp:?}"), |spec| spec.linux.as_mut().unwrap().seccomp = Some(seccomp));
    };
    let rule = |action: SeccompAction| {
        let mut rule = Syscall::new(action);
        rule.names = vec!["mkdirat".into()];
        rule
    };
    for action in filters.actions.unwrap() {
        filter(&|seccomp| seccomp.syscalls = vec![rule(action.clone())]);
    }
    for operator in filters.operators.unwrap() {
        filter(&|seccomp| {
            let mut rule = rule(SeccompAction::Errno);
            rule.args = vec![SyscallArg::new(1, 7, operator.clone())];
            seccomp.syscalls = vec![rule];
        });
    }
    for arch in filters.archs.unwrap() {
        filter(&|seccomp| seccomp.architectures = vec![arch.clone()]);
    }
    assert_eq!(filters.known_flags, filters.supported_flags);
    for flag in filters.supported_flags.unwrap() {
        filter(&|seccomp| seccomp.flags = vec![flag.clone()]);
    }
}

// covers: RT-FEAT-13, RT-FEAT-14
#[test]
fn memory_policies_and_mapped_mounts_of_the_document_are_planned() {
    let linux = Features::of_this_runtime().linux.unwrap();
    let policies = linux.memory_policy.unwrap();
    for mode in policies.modes.unwrap() {
        for flag in policies.flags.as_deref().unwrap() {
            plan(mode.as_str(), |spec| {
                let mut policy = MemoryPolicy::new(mode.clone());
                (policy.nodes, policy.flags) = (Some("0".into()), vec![flag.clone()]);
                spec.linux.as_mut().unwrap().memory_policy = Some(policy);
            });
        }
    }
    assert_eq!(linux.mount_extensions.unwrap().idmap.unwrap().enabled, Some(true));
    plan("idmap", |spec| {
        let mut mount = Mount::new("/mnt".into());
        (mount.source, mount.options) = (Some("/source".into()), vec!["bind".into()]);
        mount.uid_mappings = vec![IdMapping::new(0, 1000, 10)];
        mount.gid_mappings = vec![IdMapping::new(0, 1000, 10)];
        spec.mounts.push(mount);
    });
}
