//! Plans: what will be done, or every reason why not. No privileges, no kernel.

mod driver;
mod functions;
mod ids;
mod labels;
mod limits;
mod names;

use oci_runtime::spec::linux::{
    Device, DeviceType, IntelRdt, Memory, MemoryPolicy, Namespace, NamespaceType, NetDevice,
    Personality, Pids, Resources, Seccomp, SeccompAction, Syscall, TimeOffset,
};
use oci_runtime::spec::{
    Capability, ConsoleSize, IdMapping, IoPriority, Mount, Rlimit, RlimitType, Scheduler, User,
};
use oci_runtime::{Bundle, Host, Plan, Refusals, Spec};

fn plan(spec: Spec, host: &Host) -> Result<Plan, Refusals> {
    Plan::new(&Bundle::new("/bundle", spec), host)
}

fn refusals(change: impl FnOnce(&mut Spec), host: &Host) -> Vec<String> {
    let mut spec = Spec::linux_default();
    change(&mut spec);
    texts(&plan(spec, host).map(|plan| plan.to_string()).unwrap_err())
}

fn texts(refusals: &Refusals) -> Vec<String> {
    refusals.iter().map(ToString::to_string).collect()
}

/// A user without rights on a host like the typical one.
fn user() -> Host {
    let mut host = Host::typical();
    (host.uid, host.gid, host.capabilities) = (1000, 1000, 0);
    serde_json::from_value({
        let mut value = serde_json::to_value(host).unwrap();
        value["cgroups"]["writable"] = false.into();
        value
    })
    .unwrap()
}

#[test]
fn the_default_container_is_planned_step_by_step() {
    let text = plan(Spec::linux_default(), &Host::typical()).unwrap().to_string();
    assert_eq!(text, include_str!("plan/default.txt"));
}

#[test]
fn the_default_container_of_a_user_is_planned_step_by_step() {
    let text = plan(Spec::linux_default().rootless(1000, 1000).spec, &user()).unwrap().to_string();
    assert_eq!(text, include_str!("plan/rootless.txt"));
}

#[test]
fn json_of_another_version_is_refused() {
    let host = serde_json::to_value(Host::typical()).unwrap();
    let plan = plan(Spec::linux_default(), &Host::typical()).unwrap();
    let plan = serde_json::to_value(plan).unwrap();
    let read = |value: &serde_json::Value, is_plan: bool| {
        let text = value.to_string();
        let error = match is_plan {
            true => serde_json::from_str::<Plan>(&text).map(drop),
            false => serde_json::from_str::<Host>(&text).map(drop),
        };
        error.unwrap_err().to_string()
    };
    for (mut value, is_plan) in [(plan, true), (host, false)] {
        value["formatVersion"] = 2.into();
        let error = read(&value, is_plan);
        assert!(error.starts_with("`formatVersion` is 2, not 1"), "{error}");
        value.as_object_mut().unwrap().remove("formatVersion");
        let error = read(&value, is_plan);
        assert!(error.starts_with("missing field `formatVersion`"), "{error}");
    }
}

#[test]
fn a_plan_and_a_host_come_back_from_json() {
    let host = Host::typical();
    let plan = plan(Spec::linux_default(), &host).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    let text = serde_json::to_string(&host).unwrap();
    assert_eq!(serde_json::from_str::<Host>(&text).unwrap(), host);
}

// covers: RT-GEN-05, RT-LIFE-14, RT-PROC-03, RT-PROC-05, RT-PROC-08, RT-LINUX-04, RT-LINUX-36
#[test]
fn every_reason_is_collected() {
    let found = refusals(
        |spec| {
            let process = spec.process.as_mut().unwrap();
            process.cwd = "here".into();
            process.args.clear();
            let rlimit = Rlimit::new(RlimitType::Nofile, 10, 10);
            process.rlimits =
                vec![rlimit.clone(), rlimit, Rlimit::new(RlimitType::from("RLIMIT_X"), 1, 1)];
            process.apparmor_profile = Some("strict".into());
            let linux = spec.linux.as_mut().unwrap();
            linux.masked_paths.insert(0, "proc".into());
            linux.namespaces.push(Namespace::new(NamespaceType::Pid));
            linux.sysctl.insert("kernel.core_pattern".into(), "|/x".into());
            linux.cgroups_path = Some("/a/../../b".into());
        },
        &Host::typical(),
    );
    assert_eq!(
        found,
        [
            "`/linux/maskedPaths/0`: `proc` is not absolute",
            "`/process/args`: there is no program to run",
            "`/process/cwd`: `here` is not absolute",
            "`/linux/cgroupsPath`: `/a/../../b` does not name a cgroup below another",
            "`/process/rlimits/1`: `RLIMIT_NOFILE` is listed twice",
            "`/process/rlimits/2`: the kernel has no limit `RLIMIT_X`",
            "`/linux/sysctl/kernel.core_pattern`: it belongs to no namespace: setting it would change the host",
            "`/linux/namespaces/6`: the kind `pid` is listed twice",
            "`/process/apparmorProfile`: AppArmor is not at work on this host",
        ]
    );
}

/// A runtime that does not manage resctrl, or labels, says so and makes no container.
// covers: RT-LINUX-27, RT-MOUNT-07
#[test]
fn what_is_not_supported_is_refused_by_name() {
    let found = refusals(
        |spec| {
            spec.mounts[2].options.push("tmpcopyup".into());
            let linux = spec.linux.as_mut().unwrap();
            linux.intel_rdt = Some(IntelRdt::new());
            linux.mount_label = Some("system_u:object_r:container_file_t:s0".into());
            linux.net_devices.insert("eth0".into(), NetDevice::new());
            let mut filter = Seccomp::new(SeccompAction::Allow);
            filter.syscalls = vec![Syscall::new(SeccompAction::Errno)];
            linux.seccomp = Some(filter);
        },
        &Host::typical(),
    );
    assert_eq!(
        found,
        [
            "`/linux/intelRdt`: resctrl is not supported",
            "`/linux/netDevices`: moving network devices is not supported",
            "`/linux/mountLabel`: SELinux is not at work on this host",
            "`/mounts/2/options`: option `tmpcopyup` is for a new filesystem of type `tmpfs`",
            "`/linux/seccomp/syscalls/0`: it names no system call",
        ]
    );
}

#[test]
fn a_user_is_told_what_needs_rights() {
    let limits = |spec: &mut Spec| {
        let mut resources = Resources::new();
        let mut pids = Pids::new();
        pids.limit = Some(10);
        resources.pids = Some(pids);
        spec.linux.as_mut().unwrap().resources = Some(resources);
    };
    assert_eq!(
        refusals(limits, &user()),
        [
            "`/linux/resources`: limits need a cgroup, and the caller may not make one: `Spec::rootless` drops them",
            "`/linux/namespaces`: user 1000 may mount only in a user namespace, and there is none: `Spec::rootless` adds it",
        ]
    );
}

#[test]
fn a_kernel_without_user_namespaces_is_named() {
    let mut host = user();
    host.no_user_namespaces = Some("`user.max_user_namespaces` is 0".into());
    let error = plan(Spec::linux_default().rootless(1000, 1000).spec, &host)
        .map(|plan| plan.to_string())
        .unwrap_err();
    let expected = "cannot carry out the specification: `/linux/namespaces`: \
        the caller can make no user namespace: `user.max_user_namespaces` is 0";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn ids_that_are_not_granted_are_refused() {
    let spec = |mappings: &[(u32, u32, u32)]| {
        let mut spec = Spec::linux_default().rootless(1000, 1000).spec;
        let linux = spec.linux.as_mut().unwrap();
        linux.uid_mappings =
            mappings.iter().map(|map| IdMapping::new(map.0, map.1, map.2)).collect();
        spec
    };
    for (mappings, expected) in [
        (vec![], "a user namespace needs a mapping"),
        (vec![(0, 1000, 0)], "the range is empty"),
        (vec![(0, 1000, 1), (0, 2000, 1)], "the range overlaps another"),
        (vec![(0, 1000, 1), (1, 100_000, 10)], "ids 100000 to 100009 are not granted"),
    ] {
        let error = plan(spec(&mappings), &user()).map(|plan| plan.to_string()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn words_that_the_kernel_does_not_know_are_refused() {
    let found = refusals(
        |spec| {
            let process = spec.process.as_mut().unwrap();
            let mut scheduler = Scheduler::new("SCHED_FAIR".into());
            scheduler.flags = vec!["SCHED_FLAG_X".into()];
            scheduler.priority = Some(-1);
            process.scheduler = Some(scheduler);
            process.io_priority = Some(IoPriority::new("IOPRIO_CLASS_X".into(), 8));
            let linux = spec.linux.as_mut().unwrap();
            linux.rootfs_propagation = Some("sideways".into());
            linux.time_offsets.insert("realtime".into(), TimeOffset::new());
            linux.personality = Some(Personality::new("LINUX64".into()));
            let mut policy = MemoryPolicy::new("MPOL_X".into());
            policy.flags = vec!["MPOL_F_X".into()];
            policy.nodes = Some("0-".into());
            linux.memory_policy = Some(policy);
            let mut filter = Seccomp::new(SeccompAction::Allow);
            filter.flags = vec!["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV".into()];
            linux.seccomp = Some(filter);
        },
        &Host::typical(),
    );
    assert_eq!(
        found,
        [
            "`/linux/rootfsPropagation`: `sideways` is not a kind of propagation",
            "`/linux/timeOffsets/realtime`: it is neither `monotonic` nor `boottime`",
            "`/process/scheduler/policy`: `SCHED_FAIR` is not known",
            "`/process/scheduler/flags`: flag `SCHED_FLAG_X` is not supported",
            "`/process/scheduler/priority`: it is negative",
            "`/process/ioPriority/class`: `IOPRIO_CLASS_X` is not known",
            "`/process/ioPriority/priority`: it is not between 0 and 7",
            "`/linux/personality/domain`: `LINUX64` is not known",
            "`/linux/memoryPolicy/mode`: `MPOL_X` is not known",
            "`/linux/memoryPolicy/flags`: flag `MPOL_F_X` is not supported",
            "`/linux/memoryPolicy/nodes`: it is not a list of nodes like `0-3,7`",
            "`/linux/seccomp/flags`: flag `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` is not supported",
        ]
    );
}

#[test]
fn a_user_is_not_told_of_limits_that_nobody_asked_for() {
    assert_eq!(
        refusals(|_| {}, &user()),
        [
            "`/linux/namespaces`: user 1000 may mount only in a user namespace, and there is none: `Spec::rootless` adds it"
        ]
    );
    let devices = |spec: &mut Spec| {
        let resources = spec.linux.as_mut().unwrap().resources.take();
        *spec = spec.clone().rootless(1000, 1000).spec;
        spec.linux.as_mut().unwrap().resources = resources;
    };
    assert_eq!(
        refusals(devices, &user()),
        [
            "`/linux/resources/devices`: device rules need a cgroup, and the caller may not make one: `Spec::rootless` drops them"
        ]
    );
}

// covers: RT-PROC-10
#[test]
fn capabilities_that_cannot_be_given_are_warnings() {
    let mut spec = Spec::linux_default();
    let sets = spec.process.as_mut().unwrap().capabilities.as_mut().unwrap();
    sets.bounding = vec![Capability::from("CAP_NEW")];
    let plan = plan(spec, &Host::typical()).unwrap();
    assert_eq!(plan.warnings(), ["capability `CAP_NEW` of the bounding set is unknown"]);
}

#[test]
fn kernel_parameters_that_lead_elsewhere_are_refused() {
    for key in [
        "net.ipv4.//.//.kernel.core_pattern",
        "net/ipv4/../../kernel/core_pattern",
        "net..x",
        "net.",
    ] {
        let found = refusals(
            |spec| drop(spec.linux.as_mut().unwrap().sysctl.insert(key.into(), "1".into())),
            &Host::typical(),
        );
        let expected = format!("`/linux/sysctl/{key}`: it is not the name of a kernel parameter");
        assert_eq!(found, [expected]);
    }
}

#[test]
fn words_of_kernel_parameters_are_parted_by_dots_or_slashes() {
    for key in ["net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"] {
        let mut spec = Spec::linux_default();
        spec.linux.as_mut().unwrap().sysctl.insert(key.into(), "1".into());
        let plan = plan(spec, &Host::typical()).unwrap();
        assert!(plan.to_string().contains("net.ipv4.conf.eth0/100.forwarding"), "{plan}");
    }
}

/// The kernel lets nobody raise a limit in a user namespace, and the init needs descriptors and memory to the end.
#[test]
fn limits_are_raised_first_and_set_last() {
    let mut host = Host::typical();
    host.hard_limits.insert(RlimitType::Nofile, 1024);
    host.hard_limits.insert(RlimitType::Nice, 20);
    let mut spec = Spec::linux_default();
    spec.process.as_mut().unwrap().rlimits = vec![
        Rlimit::new(RlimitType::Nofile, 2048, 3),
        Rlimit::new(RlimitType::As, 1 << 20, 1 << 20),
        Rlimit::new(RlimitType::Nice, 20, 20),
    ];
    let plan = plan(spec, &host).unwrap();
    let steps: Vec<String> = plan.steps().collect();
    let of = |word: &str| {
        let at = |step: &String| step.starts_with(word);
        steps.iter().position(at).unwrap_or_else(|| panic!("no `{word}` in\n{plan}"))
    };
    let order = [
        "set RLIMIT_NOFILE to 2048 of 2048",
        "make the process",
        "set RLIMIT_NICE to 20 of 20",
        "wait for the start",
        "set RLIMIT_NOFILE to 3 of 2048",
        "set RLIMIT_AS to 1048576 of 1048576",
        "execute sh",
    ];
    let places: Vec<usize> = order.map(of).to_vec();
    assert!(places.is_sorted(), "{plan}");
    assert_eq!(steps.iter().filter(|step| step.contains("RLIMIT")).count(), 4, "{plan}");
}

// covers: RT-GEN-06
#[test]
fn a_version_of_another_major_number_is_refused() {
    for (version, expected) in [
        ("1.0.0", None),
        ("1.0.0-rc5", None),
        ("1.0.2-dev", None),
        ("1.99.0+build.7", None),
        ("0.9.0", Some("version 0.9.0 is not supported, 1.3.0 is")),
        ("2.0.0", Some("version 2.0.0 is not supported, 1.3.0 is")),
        ("10.0.0", Some("version 10.0.0 is not supported, 1.3.0 is")),
        ("1.0", Some("`1.0` is not a version")),
        ("", Some("`` is not a version")),
    ] {
        let mut spec = Spec::linux_default();
        spec.oci_version = version.into();
        let found = plan(spec, &Host::typical()).err().map(|refusals| texts(&refusals));
        let expected = expected.map(|reason| vec![format!("`/ociVersion`: {reason}")]);
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn what_means_nothing_here_is_refused_and_not_skipped() {
    let found = refusals(
        |spec| {
            let process = spec.process.as_mut().unwrap();
            process.command_line = Some("cmd /c dir".into());
            process.user.as_mut().unwrap().username = Some("ContainerUser".into());
            let linux = spec.linux.as_mut().unwrap();
            linux.uid_mappings = vec![IdMapping::new(0, 1000, 1)];
            linux.gid_mappings = vec![IdMapping::new(0, 1000, 1)];
            let mut memory = Memory::new();
            memory.use_hierarchy = Some(false);
            linux.resources.get_or_insert_with(Resources::new).memory = Some(memory);
        },
        &Host::typical(),
    );
    assert_eq!(
        found,
        [
            "`/linux/resources/memory/useHierarchy`: the kernel counts for a cgroup what those below it use",
            "`/linux/uidMappings`: there is no user namespace to map ids for",
            "`/linux/gidMappings`: there is no user namespace to map ids for",
            "`/process/commandLine`: this is for Windows",
            "`/process/user/username`: this is for Windows",
        ]
    );
}

/// To the kernel the last number means "do not change": the process would stay root.
#[test]
fn the_number_that_changes_no_id_is_refused() {
    let found = refusals(
        |spec| {
            let mut user = User::posix(u32::MAX, u32::MAX);
            user.additional_gids = vec![7, u32::MAX];
            spec.process.as_mut().unwrap().user = Some(user);
            let mut device = Device::new(DeviceType::Char, "/dev/own".into());
            (device.major, device.minor) = (Some(1), Some(3));
            (device.uid, device.gid) = (Some(u32::MAX), Some(0));
            spec.linux.as_mut().unwrap().devices = vec![device];
        },
        &Host::typical(),
    );
    let reason = "4294967295 is not an id";
    let pointers = [
        "/linux/devices/0/uid",
        "/process/user/uid",
        "/process/user/gid",
        "/process/user/additionalGids/1",
    ];
    assert_eq!(found, pointers.map(|pointer| format!("`{pointer}`: {reason}")));
}

#[test]
fn mount_options_that_would_do_nothing_are_refused() {
    let mount = |kind: &str, options: &[&str]| {
        let mut mount = Mount::new("/mnt".into());
        (mount.r#type, mount.source) = (Some(kind.into()), Some("/source".into()));
        mount.options = options.iter().map(|word| (*word).into()).collect();
        mount
    };
    let found = refusals(
        |spec| {
            let linux = spec.linux.as_mut().unwrap();
            linux.namespaces.retain(|space| space.r#type != NamespaceType::Cgroup);
            let mut mapped = mount("none", &["remount", "ro"]);
            mapped.uid_mappings = vec![IdMapping::new(0, 1000, 1)];
            mapped.gid_mappings = vec![IdMapping::new(0, 1000, 1)];
            spec.mounts = vec![
                mapped,
                mount("none", &["remount", "bind", "idmap"]),
                mount("tmpfs", &["idmap"]),
                mount("bind", &["size=1"]),
                mount("cgroup", &["ro", "nsdelegate"]),
            ];
        },
        &Host::typical(),
    );
    let mapped = "ids can be mapped on bind mounts only";
    assert_eq!(
        found,
        [
            format!("`/mounts/0`: {mapped}"),
            format!("`/mounts/1`: {mapped}"),
            format!("`/mounts/2`: {mapped}"),
            "`/mounts/3/options`: option `size=1` means nothing for a bind mount".into(),
            "`/mounts/4/options`: option `nsdelegate` means nothing for the cgroups of the host"
                .into(),
        ]
    );
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let with = |umask, height, width| {
        let mut spec = Spec::linux_default();
        let process = spec.process.as_mut().unwrap();
        process.user.as_mut().unwrap().umask = Some(umask);
        process.terminal = Some(true);
        process.console_size = Some(ConsoleSize::new(height, width));
        plan(spec, &Host::typical()).err().map(|refusals| texts(&refusals).join("; "))
    };
    assert_eq!(with(0o777, 65_535, 65_535), None);
    let size = "`/process/consoleSize`: a terminal has 65535 lines and columns at most";
    assert_eq!(with(0o22, 65_536, 80).as_deref(), Some(size));
    assert_eq!(with(0o22, 25, u64::MAX).as_deref(), Some(size));
    let mask = "`/process/user/umask`: 1022 has more than permissions";
    assert_eq!(with(0o1022, 25, 80).as_deref(), Some(mask));
}

#[test]
fn an_unknown_system_call_is_worth_a_warning_where_the_default_permits_it() {
    let expected = "system call `no_such_call` is unknown: the filter does not mention it";
    for (default, action, expected) in [
        (SeccompAction::Allow, SeccompAction::Errno, &[expected][..]),
        (SeccompAction::Errno, SeccompAction::Allow, &[]),
    ] {
        let mut spec = Spec::linux_default();
        let mut filter = Seccomp::new(default);
        let mut call = Syscall::new(action);
        call.names = vec!["mkdir".into(), "no_such_call".into()];
        filter.syscalls = vec![call];
        spec.linux.as_mut().unwrap().seccomp = Some(filter);
        let plan = plan(spec, &Host::typical()).unwrap();
        assert_eq!(plan.warnings(), expected);
    }
}
