//! What the program of a container sees, and what it may do.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixStream;

use oci_runtime::Stdio;
use oci_runtime::spec::linux::{Seccomp, SeccompAction, Syscall};
use oci_runtime::spec::{
    Capabilities, Capability, ConsoleSize, Hook, Hooks, Rlimit, RlimitType, User,
};

use super::fixture::{Fixture, chain, prints};

fn status(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(":\t")).collect()
}

// covers: RT-PROC-10, RT-PROC-09
#[test]
fn the_five_capability_sets_are_those_asked_for() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |spec| {
            let process = spec.process.as_mut().unwrap();
            let mut sets = Capabilities::new();
            sets.bounding = vec![Capability::Chown, Capability::Kill, Capability::NetRaw];
            sets.permitted = vec![Capability::Chown, Capability::Kill];
            sets.inheritable = vec![Capability::Kill];
            sets.ambient = vec![Capability::Kill];
            sets.effective = vec![Capability::Chown, Capability::from("CAP_NEWER_THAN_US")];
            process.capabilities = Some(sets);
            process.user = Some(User::posix(0, 0));
        },
        "cat /proc/self/status",
    );
    let status = status(&text);
    // Root's exec gains the bounding set, as the kernel has it.
    assert_eq!(status["CapBnd"], "0000000000002021");
    assert_eq!(status["CapInh"], "0000000000000020");
    assert_eq!(status["CapAmb"], "0000000000000020");
    assert_eq!(status["NoNewPrivs"], "1");
}

#[test]
fn without_capabilities_there_are_none() {
    oci_testing::needs!(user_namespaces, busybox);
    let text =
        prints(|spec| spec.process.as_mut().unwrap().capabilities = None, "cat /proc/self/status");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(&text)[set], "0000000000000000", "{set}");
    }
}

// covers: RT-PROC-16
#[test]
fn user_groups_and_umask_are_those_asked_for() {
    oci_testing::needs!(root, busybox);
    let text = prints(
        |spec| {
            let mut user = User::posix(1000, 1001);
            user.additional_gids = vec![5, 7];
            user.umask = Some(0o027);
            spec.process.as_mut().unwrap().user = Some(user);
        },
        "cat /proc/self/status; umask",
    );
    let status = status(&text);
    assert_eq!(status["Uid"], "1000\t1000\t1000\t1000");
    assert_eq!(status["Gid"], "1001\t1001\t1001\t1001");
    assert_eq!(status["Groups"].trim(), "5 7");
    assert_eq!(status["CapEff"], "0000000000000000");
    assert!(text.ends_with("0027\n"), "{text}");
}

// covers: RT-LINUX-36, RT-BUNDLE-06
#[test]
fn masked_and_read_only_paths_hold() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |spec| {
            spec.root.as_mut().unwrap().readonly = Some(true);
            spec.linux.as_mut().unwrap().masked_paths.push("/etc".into());
        },
        "cat /proc/kcore; ls /etc; touch /etc/x; touch /x; echo 1 > /proc/sys/kernel/panic; touch /tmp/x; touch /dev/shm/ok && echo fine",
    );
    assert_eq!(text.matches("Read-only file system").count(), 4, "{text}");
    assert!(text.contains("fine"), "{text}");
}

#[test]
fn what_is_masked_shows_nothing() {
    oci_testing::needs!(user_namespaces, busybox);
    let line = "ls -A /etc; cat /root/secret; [ -c /root/secret ] && echo hidden";
    let mut fixture = Fixture::new().shell(line);
    for path in ["etc/secret", "root/secret"] {
        std::fs::write(fixture.rootfs().join(path), "secret\n").unwrap();
    }
    let masked = ["/etc", "/root/secret", "/nowhere"].map(String::from);
    fixture.spec.linux.as_mut().unwrap().masked_paths.extend(masked);
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("hidden\n", ""));
}

#[test]
fn what_is_mounted_beneath_a_read_only_path_is_read_only() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |spec| {
            let mut beneath = oci_runtime::spec::Mount::new("/root/beneath".into());
            (beneath.r#type, beneath.source) = (Some("tmpfs".into()), Some("tmpfs".into()));
            spec.mounts.push(beneath);
            spec.linux.as_mut().unwrap().readonly_paths.push("/root".into());
        },
        "touch /root/beneath/x",
    );
    assert!(text.contains("Read-only file system"), "{text}");
}

// covers: RT-PROC-06, RT-PROC-07, RT-PROC-11, RT-PROC-17
#[test]
fn limits_and_names_are_those_asked_for() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |spec| {
            spec.hostname = Some("inside".into());
            spec.domainname = Some("domain".into());
            let process = spec.process.as_mut().unwrap();
            process.rlimits = vec![Rlimit::new(RlimitType::Nofile, 100, 50)];
            process.oom_score_adj = Some(500);
        },
        "hostname; cat /proc/sys/kernel/domainname; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj",
    );
    assert_eq!(text, "inside\ndomain\n50\n100\n500\n");
}

#[test]
fn the_program_gets_no_descriptors_of_ours() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(|_| {}, "ls /proc/self/fd | cat");
    // 3 is the directory that ls reads.
    assert_eq!(text, "0\n1\n2\n3\n");
}

// covers: RT-LIFE-19, RT-LINUX-11
#[test]
fn default_devices_and_links_are_there() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |_| {},
        "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo no $d; done; \
         for l in fd stdin stdout stderr; do [ -L /dev/$l ] || echo no $l; done; \
         [ -c /dev/ptmx ] || echo no ptmx; echo x > /dev/null; echo done",
    );
    assert_eq!(text, "done\n");
}

// covers: RT-LINUX-30, RT-LINUX-33
#[test]
fn the_filter_answers_for_the_kernel() {
    oci_testing::needs!(user_namespaces, busybox);
    for no_new_privileges in [true, false] {
        let text = prints(
            |spec| {
                let process = spec.process.as_mut().unwrap();
                process.no_new_privileges = Some(no_new_privileges);
                let mut seccomp = Seccomp::new(SeccompAction::Allow);
                let mut refused = Syscall::new(SeccompAction::Errno);
                refused.names = ["mkdir", "mkdirat"].map(String::from).to_vec();
                refused.errno_ret = Some(28);
                seccomp.syscalls = vec![refused];
                spec.linux.as_mut().unwrap().seccomp = Some(seccomp);
            },
            "busybox mkdir /tmp/x; cat /proc/self/status",
        );
        assert!(text.contains("No space left on device"), "{text}");
        assert_eq!(status(&text)["Seccomp"], "2");
        let expected = if no_new_privileges { "1" } else { "0" };
        assert_eq!(status(&text)["NoNewPrivs"], expected);
    }
}

/// What the init does last is the exec.
#[test]
fn a_filter_may_forbid_what_the_init_has_done() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |spec| {
            let mut seccomp = Seccomp::new(SeccompAction::Allow);
            let mut refused = Syscall::new(SeccompAction::KillProcess);
            refused.names = ["close_range", "nanosleep", "clock_nanosleep", "sched_yield"]
                .map(String::from)
                .to_vec();
            seccomp.syscalls = vec![refused];
            spec.linux.as_mut().unwrap().seccomp = Some(seccomp);
        },
        "echo done",
    );
    assert_eq!(text, "done\n");
}

// covers: RT-LIFE-03, RT-HOOK-06, RT-HOOK-07, RT-HOOK-08
#[test]
fn hooks_run_in_their_order_with_the_state() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("echo program >> /tmp/log");
    std::os::unix::fs::symlink("busybox", fixture.rootfs().join("bin/tr")).unwrap();
    let rootfs = fixture.rootfs().display().to_string();
    let hook = |name: &str, log: String| {
        let mut hook = Hook::new("/bin/sh".into());
        let line = format!(r#"s=$(grep -o '"status":"[a-z]*"'); echo {name} $s >> {log}"#);
        hook.args = ["sh", "-c", &line].map(String::from).to_vec();
        hook.env = vec!["PATH=/bin:/usr/bin".into()];
        vec![hook]
    };
    let outside = || format!("{rootfs}/tmp/log");
    let mut hooks = Hooks::new();
    hooks.prestart = hook("prestart", outside());
    hooks.create_runtime = hook("createRuntime", outside());
    hooks.create_container = hook("createContainer", outside());
    hooks.start_container = hook("startContainer", "/tmp/log".into());
    hooks.poststart = hook("poststart", format!("{rootfs}/poststart"));
    hooks.poststop = hook("poststop", format!("{rootfs}/poststop"));
    fixture.spec.hooks = Some(hooks);
    fixture.run().map_err(|error| chain(&error)).unwrap();
    let read = |name: &str| std::fs::read_to_string(fixture.rootfs().join(name)).unwrap();
    assert_eq!(
        read("tmp/log"),
        "prestart \"status\":\"creating\"\ncreateRuntime \"status\":\"creating\"\n\
         createContainer \"status\":\"creating\"\nstartContainer \"status\":\"created\"\nprogram\n"
    );
    assert_eq!(read("poststart"), "poststart \"status\":\"running\"\n");
    assert_eq!(read("poststop"), "poststop \"status\":\"stopped\"\n");
}

// covers: RT-LIFE-04, RT-HOOK-02
#[test]
fn a_failing_or_slow_hook_ends_the_creation() {
    oci_testing::needs!(user_namespaces, busybox);
    for (line, timeout, expected) in [
        ("echo no >&2; exit 3", None, "saying `no`"),
        ("sleep 100", Some(1), "was killed after its timeout of 1 s"),
    ] {
        let mut fixture = Fixture::new();
        let mut hook = Hook::new("/bin/sh".into());
        hook.args = ["sh", "-c", line].map(String::from).to_vec();
        hook.env = vec!["PATH=/bin:/usr/bin".into()];
        hook.timeout = timeout;
        let mut hooks = Hooks::new();
        hooks.create_runtime = vec![hook];
        fixture.spec.hooks = Some(hooks);
        let error = fixture.run().map(drop).unwrap_err();
        assert_eq!(error.kind(), oci_runtime::ErrorKind::Hook);
        assert!(chain(&error).contains(expected), "{}", chain(&error));
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}

// covers: RT-LINUX-29
#[test]
fn kernel_parameters_of_the_container_are_set() {
    oci_testing::needs!(root, busybox);
    let text = prints(
        |spec| {
            let sysctl = &mut spec.linux.as_mut().unwrap().sysctl;
            sysctl.insert("net.ipv4.ip_forward".into(), "1".into());
            sysctl.insert("kernel.shm_rmid_forced".into(), "1".into());
            sysctl.insert("net/ipv4/conf/lo/forwarding".into(), "0".into());
        },
        "cd /proc/sys; cat net/ipv4/ip_forward kernel/shm_rmid_forced net/ipv4/conf/lo/forwarding",
    );
    assert_eq!(text, "1\n1\n0\n");
}

/// The kernel's parameters, whatever the container has at their paths (CVE-2025-52881).
#[test]
fn kernel_parameters_are_not_those_that_cover_them() {
    oci_testing::needs!(root, busybox);
    let text = prints(
        |spec| {
            spec.linux.as_mut().unwrap().sysctl.insert("net.ipv4.ip_forward".into(), "1".into());
            for (kind, target) in [("tmpfs", "/proc/sys"), ("proc", "/mnt")] {
                let mut mount = oci_runtime::spec::Mount::new(target.into());
                (mount.r#type, mount.source) = (Some(kind.into()), Some(kind.into()));
                spec.mounts.push(mount);
            }
        },
        "ls /proc/sys; cat /mnt/sys/net/ipv4/ip_forward",
    );
    assert_eq!(text, "1\n");
}

// covers: RT-LINUX-23, RT-LINUX-18
#[test]
fn limits_are_written_and_hold() {
    oci_testing::needs!(root, cgroups, busybox);
    use oci_runtime::spec::linux::{Memory, Pids};
    let mut fixture = Fixture::new().shell("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait");
    let resources = fixture.spec.linux.as_mut().unwrap().resources.as_mut().unwrap();
    let mut pids = Pids::new();
    pids.limit = Some(4);
    resources.pids = Some(pids);
    let mut memory = Memory::new();
    memory.limit = Some(64 << 20);
    resources.memory = Some(memory);
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert!(outcome.stderr.contains("can't fork"), "{}", outcome.stderr);
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn a_container_is_paused_and_goes_on() {
    oci_testing::needs!(root, cgroups, busybox);
    use oci_runtime::spec::Status;
    let fixture = Fixture::new().shell("sleep 100");
    let container = fixture.create(Stdio::null()).unwrap();
    container.start().unwrap();
    container.pause().map_err(|error| chain(&error)).unwrap();
    assert_eq!(container.state().unwrap().status, Status::Paused);
    container.resume().unwrap();
    assert_eq!(container.state().unwrap().status, Status::Running);
    assert!(container.stats().unwrap().pids.current.is_some());
    container.pause().unwrap();
    container.force_delete().map_err(|error| chain(&error)).unwrap();
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

// covers: RT-LINUX-05, RT-LINUX-06, RT-LINUX-02
#[test]
fn users_and_clocks_inside_are_others() {
    oci_testing::needs!(root, busybox);
    use oci_runtime::spec::IdMapping;
    use oci_runtime::spec::linux::{Namespace, NamespaceType, TimeOffset};
    let mut fixture = Fixture::new().shell(
        "cat /proc/self/uid_map /proc/self/gid_map /proc/uptime; id -u; touch /tmp/mine; \
         echo x > /dev/null && echo null",
    );
    let linux = fixture.spec.linux.as_mut().unwrap();
    linux
        .namespaces
        .extend([Namespace::new(NamespaceType::User), Namespace::new(NamespaceType::Time)]);
    linux.uid_mappings = vec![IdMapping::new(0, 100_000, 1000)];
    linux.gid_mappings = vec![IdMapping::new(0, 200_000, 1000)];
    let mut offset = TimeOffset::new();
    offset.secs = Some(1_000_000_000);
    linux.time_offsets.insert("boottime".into(), offset);
    rustix::fs::chmod(fixture.rootfs().join("tmp"), rustix::fs::Mode::from_raw_mode(0o777))
        .unwrap();
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    let words: Vec<&str> = outcome.stdout.split_whitespace().collect();
    assert_eq!(words[..6], ["0", "100000", "1000", "0", "200000", "1000"], "{}", outcome.stderr);
    assert!(words[6].starts_with("1000"), "{}", outcome.stdout);
    assert_eq!(words[8..], ["0", "null"]);
    let mine = std::fs::metadata(fixture.rootfs().join("tmp/mine")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&mine), 100_000);
}

// covers: RT-LINUX-03
#[test]
fn namespaces_are_joined_by_path_and_must_be_of_their_kind() {
    oci_testing::needs!(root, busybox);
    use oci_runtime::spec::linux::NamespaceType;
    let join = |kind: NamespaceType, path: &str| {
        let mut fixture = Fixture::new().shell("busybox readlink /proc/self/ns/net");
        let spaces = &mut fixture.spec.linux.as_mut().unwrap().namespaces;
        spaces.iter_mut().find(|space| space.r#type == kind).unwrap().path = Some(path.into());
        fixture.run().map(|outcome| outcome.stdout).map_err(|error| chain(&error))
    };
    let own = std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    assert_eq!(join(NamespaceType::Network, "/proc/self/ns/net").unwrap().trim(), own);
    let error = join(NamespaceType::Network, "/proc/self/ns/uts").unwrap_err();
    assert!(error.contains("another kind of namespace"), "{error}");
    let error = join(NamespaceType::Network, "/dev/null").unwrap_err();
    assert!(error.contains("is not a namespace"), "{error}");
}

/// What is set there would be set for the host. Here it is what the host has, in case that it is.
#[test]
fn nothing_is_set_in_a_namespace_of_the_caller_that_is_joined() {
    oci_testing::needs!(root, busybox);
    use oci_runtime::spec::linux::NamespaceType;
    let read = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
    let refused = |kind: NamespaceType, change: &dyn Fn(&mut oci_runtime::Spec)| {
        let mut fixture = Fixture::new().shell("true");
        let spaces = &mut fixture.spec.linux.as_mut().unwrap().namespaces;
        let space = spaces.iter_mut().find(|space| space.r#type == kind).unwrap();
        space.path = Some(format!("/proc/self/ns/{}", &kind.as_str()[..3]));
        change(&mut fixture.spec);
        let error = chain(&fixture.run().map(drop).unwrap_err());
        assert!(error.contains("` is the caller's own, in which no name and no `"), "{error}");
        assert_eq!(fixture.residue(), Vec::<String>::new());
    };
    for (kind, key) in [
        (NamespaceType::Network, "net/ipv4/ip_forward"),
        (NamespaceType::Ipc, "kernel/shmmni"),
        (NamespaceType::Uts, "kernel/domainname"),
    ] {
        let value = read(&format!("/proc/sys/{key}"));
        refused(kind, &|spec| {
            drop(spec.linux.as_mut().unwrap().sysctl.insert(key.into(), value.clone()));
        });
    }
    let (host, domain) = (read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/domainname"));
    refused(NamespaceType::Uts, &|spec| spec.hostname = Some(host.clone()));
    refused(NamespaceType::Uts, &|spec| spec.domainname = Some(domain.clone()));
}

// covers: RT-MOUNT-09, RT-MOUNT-10, RT-MOUNT-06
#[test]
fn bind_mounts_get_their_attributes_and_mapped_ids() {
    oci_testing::needs!(root, busybox);
    use oci_runtime::spec::{IdMapping, Mount};
    let text = prints(
        |spec| {
            let mut mount = Mount::new("/mnt/host".into());
            mount.source = Some("rootfs/etc".into());
            mount.options =
                ["rbind", "rro", "nosuid", "noatime", "idmap"].map(String::from).to_vec();
            mount.uid_mappings = vec![IdMapping::new(0, 4000, 10)];
            mount.gid_mappings = vec![IdMapping::new(0, 5000, 10)];
            spec.mounts.push(mount);
        },
        "stat -c '%u %g' /mnt/host; touch /mnt/host/x; grep /mnt/host /proc/self/mountinfo",
    );
    assert!(text.starts_with("4000 5000\n"), "{text}");
    assert!(text.contains("Read-only file system"), "{text}");
    assert!(text.contains(" ro,nosuid,noatime,idmapped "), "{text}");
}

/// What the program prints to a terminal.
fn prints_to_terminal(mut fixture: Fixture) -> String {
    fixture.spec.process.as_mut().unwrap().terminal = Some(true);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let container = fixture.create(Stdio::terminal(theirs)).map_err(|error| chain(&error)).unwrap();
    let mut master = Stdio::master(&ours).unwrap();
    container.start().map_err(|error| chain(&error)).unwrap();
    container.wait().unwrap();
    let mut text = Vec::new();
    // The end of a terminal is an error.
    let _ = master.read_to_end(&mut text);
    container.delete().unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

// covers: RT-PROC-02
#[test]
fn a_terminal_is_handed_over() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture =
        Fixture::new().shell("busybox stty size; busybox tty; [ -c /dev/console ] && echo console");
    let process = fixture.spec.process.as_mut().unwrap();
    process.console_size = Some(ConsoleSize::new(30, 100));
    assert_eq!(prints_to_terminal(fixture), "30 100\r\n/dev/pts/0\r\nconsole\r\n");
}

/// What an image has at `/dev/pts` reads what is typed.
#[test]
fn terminals_are_those_of_a_devpts_at_its_place() {
    oci_testing::needs!(root, busybox);
    let refused = |place: &str, change: &dyn Fn(&std::path::Path)| {
        let mut fixture = Fixture::new().shell("true");
        let mounts = &mut fixture.spec.mounts;
        mounts
            .retain(|mount| mount.destination != "/dev" && !mount.destination.starts_with("/dev/"));
        let mut terminals = oci_runtime::spec::Mount::new(place.into());
        (terminals.r#type, terminals.source) = (Some("devpts".into()), Some("devpts".into()));
        terminals.options = ["newinstance", "ptmxmode=0666"].map(String::from).to_vec();
        mounts.push(terminals);
        change(&fixture.rootfs().join("dev"));
        fixture.spec.process.as_mut().unwrap().terminal = Some(true);
        let (_ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        chain(&fixture.create(Stdio::terminal(theirs)).unwrap_err())
    };
    let file = refused("/dev/elsewhere", &|dev| {
        std::fs::create_dir(dev.join("pts")).unwrap();
        std::fs::write(dev.join("pts/ptmx"), "").unwrap();
    });
    assert!(file.contains("`/dev/pts/ptmx` is not a terminal multiplexer"), "{file}");
    let link = refused("/dev/elsewhere", &|dev| {
        std::os::unix::fs::symlink("elsewhere", dev.join("pts")).unwrap();
    });
    assert!(link.contains("open `/dev/pts/ptmx`"), "{link}");
}

#[test]
fn a_terminal_belongs_to_the_user() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new().shell("stat -c %u /dev/pts/0; echo opened > /dev/pts/0");
    let process = fixture.spec.process.as_mut().unwrap();
    process.user = Some(User::posix(1000, 1000));
    assert_eq!(prints_to_terminal(fixture), "1000\r\nopened\r\n");
}

#[test]
fn a_socket_that_brings_no_terminal_says_so() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(Stdio::terminal(theirs));
    assert_eq!(Stdio::master(&ours).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}
