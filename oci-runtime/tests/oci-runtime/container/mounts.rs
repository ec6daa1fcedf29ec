//! Mounts and their options.

use std::os::unix::fs::PermissionsExt;

use oci_runtime::Spec;
use oci_runtime::spec::linux::{Namespace, NamespaceType};
use oci_runtime::spec::{IdMapping, Mount};

use super::fixture::{Fixture, chain, prints};

fn mount(kind: &str, source: &str, target: &str, options: &[&str]) -> Mount {
    let mut mount = Mount::new(target.into());
    mount.r#type = Some(kind.into());
    mount.source = Some(source.into());
    mount.options = options.iter().map(ToString::to_string).collect();
    mount
}

/// Options of the mount and of its filesystem, as the container's own table shows them.
fn shown(change: impl FnOnce(&mut Spec), target: &str) -> (Vec<String>, Vec<String>) {
    let text = prints(change, "cat /proc/self/mountinfo");
    let line = text.lines().rfind(|line| line.split(' ').nth(4) == Some(target));
    let fields: Vec<&str> = line.unwrap_or_else(|| panic!("{text}")).split(' ').collect();
    let words = |text: &str| text.split(',').map(String::from).collect();
    // Optional fields, such as `shared:1`, stand between.
    let end = fields.iter().position(|field| *field == "-").unwrap();
    let mut options: Vec<String> = words(fields[5]);
    options.extend(fields[6..end].iter().map(|field| field.split(':').next().unwrap().into()));
    (options, words(fields[end + 3]))
}

// covers: RT-LINUX-01
#[test]
fn the_default_filesystems_are_there() {
    oci_testing::needs!(user_namespaces, busybox);
    let text = prints(
        |_| {},
        "for d in /proc /sys /dev/pts /dev/shm; do grep \" / $d \" /proc/self/mountinfo; done",
    );
    let kinds: Vec<&str> =
        text.lines().filter_map(|line| line.split(" - ").nth(1)?.split(' ').next()).collect();
    assert_eq!(kinds, ["proc", "sysfs", "devpts", "tmpfs"], "{text}");
}

// covers: RT-MOUNT-01
#[test]
fn mounts_happen_in_their_order() {
    oci_testing::needs!(user_namespaces, busybox);
    let below = mount("tmpfs", "below", "/mnt", &["size=64k"]);
    let beneath = mount("tmpfs", "beneath", "/mnt/beneath", &["size=64k"]);
    let above = mount("tmpfs", "above", "/mnt", &["size=64k"]);
    let look = "grep -o ' /mnt[a-z/]* .*' /proc/self/mountinfo | busybox awk '{print $1, $(NF-1)}'; \
                busybox stat -f -c %T /mnt; ls /mnt";
    for (order, tops) in
        [([&below, &above, &beneath], "beneath\n"), ([&below, &beneath, &above], "")]
    {
        let text = prints(|spec| spec.mounts.extend(order.map(Clone::clone)), look);
        let lines: Vec<&str> = text.lines().collect();
        let expected: Vec<String> = order
            .iter()
            .map(|mount| format!("{} {}", mount.destination, mount.source.as_deref().unwrap()))
            .collect();
        assert_eq!(lines[..3], expected, "{text}");
        assert!(text.ends_with(&format!("tmpfs\n{tops}")), "{text}");
    }
}

/// Options, then what stands among those of the mount and of the filesystem, and what does not.
type Row = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

// covers: RT-MOUNT-07
#[test]
fn a_filesystem_in_memory_has_a_copy_of_what_it_covers_where_that_is_asked_for() {
    oci_testing::needs!(root, busybox);
    let make = "cd /covered; mkdir -m 710 d; echo deep > d/f; echo set > s; chown 7:8 d s; chmod 4755 s; \
                ln -s d/f l; mkfifo p; touch -d @1000000000 s; chown 5:6 .; chmod 1755 .";
    let show = "cd /covered; stat -c '%n %A %u:%g' . *; stat -c '%Y' s; cat l s; echo $(ls -A d)";
    let expected = ". drwxr-xr-t 5:6\nd drwx--x--- 7:8\nl lrwxrwxrwx 0:0\ns -rwsr-xr-x 7:8\n\
                    1000000000\ndeep\nset\nf\n";
    for (options, then, last) in [
        (&["tmpcopyup", "size=64k"][..], "echo new > new; ls new", "new\n"),
        (&["tmpcopyup", "ro"], "touch new 2>&1", "touch: new: Read-only file system\n"),
    ] {
        let mut fixture = Fixture::new().shell(&format!("{show}; {then}"));
        let covered = fixture.rootfs().join("covered");
        std::fs::create_dir(&covered).unwrap();
        let line = make.replace("/covered", covered.to_str().unwrap());
        assert!(std::process::Command::new("sh").args(["-c", &line]).status().unwrap().success());
        fixture.spec.mounts.push(mount("tmpfs", "tmpfs", "/covered", options));
        let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
        assert_eq!(outcome.stdout, format!("{expected}{last}"), "{}", outcome.stderr);
        assert!(!covered.join("new").exists());
    }
}

#[test]
fn a_directory_that_is_too_deep_is_not_copied() {
    oci_testing::needs!(root, busybox);
    for (depth, is_copied) in [(99, true), (100, false)] {
        let mut fixture = Fixture::new().shell("true");
        std::fs::create_dir_all(fixture.rootfs().join("covered").join("d/".repeat(depth))).unwrap();
        fixture.spec.mounts.push(mount("tmpfs", "tmpfs", "/covered", &["tmpcopyup"]));
        let result = fixture.run().map(drop).map_err(|error| chain(&error));
        assert_eq!(result.is_ok(), is_copied, "{result:?}");
        let reason = "directories lie in each other more than 100 deep";
        assert!(result.err().is_none_or(|error| error.ends_with(reason)));
    }
}

// covers: RT-MOUNT-05, RT-MOUNT-07
#[test]
fn options_of_a_filesystem_take_effect() {
    oci_testing::needs!(root, busybox);
    let table: [Row; 20] = [
        (&["defaults"], &["rw", "relatime"], &["nosuid", "nodev", "noexec", "sync", "shared"]),
        (&["ro", "loud"], &["ro"], &[]),
        (&["ro", "rw", "silent"], &["rw"], &[]),
        (&["nosuid", "nodev", "noexec"], &["nosuid", "nodev", "noexec"], &[]),
        (
            &["nosuid", "suid", "nodev", "dev", "noexec", "exec"],
            &[],
            &["nosuid", "nodev", "noexec"],
        ),
        (&["noatime", "nodiratime"], &["noatime", "nodiratime"], &["relatime"]),
        (
            &["noatime", "atime", "nodiratime", "diratime"],
            &["relatime"],
            &["noatime", "nodiratime"],
        ),
        (&["strictatime"], &[], &["relatime", "noatime"]),
        (&["strictatime", "nostrictatime"], &["relatime"], &[]),
        (&["noatime", "relatime"], &["relatime"], &["noatime"]),
        (&["relatime", "norelatime"], &[], &["noatime"]),
        (&["sync", "dirsync", "lazytime"], &["sync", "dirsync", "lazytime"], &[]),
        (&["sync", "async", "lazytime", "nolazytime"], &[], &["sync", "lazytime"]),
        (&["iversion"], &["rw"], &[]),
        (&["iversion", "noiversion"], &["rw"], &[]),
        (&["iversion", "sync", "nosuid", "noatime"], &["sync", "nosuid", "noatime"], &[]),
        (&["mand", "nomand"], &[], &["mand"]),
        (&["shared"], &["shared"], &[]),
        (&["rslave"], &[], &["shared"]),
        (&["unbindable"], &["unbindable"], &["shared"]),
    ];
    for (options, present, absent) in table {
        let entry = mount("tmpfs", "tmpfs", "/mnt", &[options, &["size=64k"]].concat());
        let (of_mount, of_filesystem) = shown(|spec| spec.mounts.push(entry), "/mnt");
        let all = [of_mount, of_filesystem].concat();
        let has = |word: &&&str| all.iter().any(|other| other == *word);
        assert_eq!(present.iter().find(|word| !has(word)), None, "{options:?}: {all:?}");
        assert_eq!(absent.iter().find(has), None, "{options:?}: {all:?}");
    }
}

// covers: RT-MOUNT-05
#[test]
fn options_of_bind_mounts_and_remounts_take_effect() {
    oci_testing::needs!(root, busybox);
    let table: [(&[Mount], Row); 8] = [
        (&[], (&["bind", "nodev"], &["nodev", "rw"], &["ro"])),
        (&[], (&["rbind", "ro", "rprivate"], &["ro"], &["shared"])),
        (&[], (&["bind", "rshared"], &["shared"], &[])),
        (&[], (&["bind", "private"], &[], &["shared", "unbindable"])),
        (&[], (&["bind", "slave"], &[], &["shared"])),
        (&[], (&["rbind", "runbindable"], &["unbindable"], &[])),
        (&[], (&["bind", "async", "exec"], &["rw"], &["noexec"])),
        (
            &[mount("tmpfs", "tmpfs", "/mnt", &["sync", "lazytime"])],
            (&["remount", "async", "nolazytime", "ro"], &["ro"], &["sync", "lazytime"]),
        ),
    ];
    for (before, (options, present, absent)) in table {
        let kind = if before.is_empty() { "none" } else { "tmpfs" };
        let entry = mount(kind, "rootfs/etc", "/mnt", options);
        let change = |spec: &mut Spec| spec.mounts.extend(before.iter().cloned().chain([entry]));
        let (of_mount, of_filesystem) = shown(change, "/mnt");
        let all = [of_mount, of_filesystem].concat();
        let has = |word: &&&str| all.iter().any(|other| other == *word);
        assert_eq!(present.iter().find(|word| !has(word)), None, "{options:?}: {all:?}");
        assert_eq!(absent.iter().find(has), None, "{options:?}: {all:?}");
    }
}

// covers: RT-MOUNT-08
#[test]
fn other_options_go_to_the_filesystem() {
    oci_testing::needs!(user_namespaces, busybox);
    let entry = mount("tmpfs", "tmpfs", "/mnt", &["size=64k", "nr_inodes=77", "mode=711"]);
    let (_, words) = shown(|spec| spec.mounts.push(entry), "/mnt");
    for word in ["size=64k", "nr_inodes=77", "mode=711"] {
        assert!(words.iter().any(|other| other == word), "{words:?}");
    }
    let mut fixture = Fixture::new();
    fixture.spec.mounts.push(mount("tmpfs", "tmpfs", "/mnt", &["no_such=1"]));
    let error = chain(&fixture.run().map(drop).unwrap_err());
    assert!(error.contains("the kernel says `tmpfs: Unknown parameter 'no_such'`"), "{error}");
}

#[test]
fn a_source_may_lie_below_an_earlier_mount() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("cat /mnt/file");
    let (outer, inner) = (fixture.dir.path().join("outer"), fixture.rootfs().join("data/inner"));
    std::fs::create_dir_all(outer.join("inner")).unwrap();
    std::fs::write(outer.join("inner/file"), "from the mount\n").unwrap();
    fixture.spec.mounts.push(mount("bind", outer.to_str().unwrap(), "/data", &["bind"]));
    fixture.spec.mounts.push(mount("bind", inner.to_str().unwrap(), "/mnt", &["bind"]));
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "from the mount\n", "{}", outcome.stderr);
}

#[test]
fn there_may_be_more_mounts_than_descriptors() {
    oci_testing::needs!(root, busybox);
    let line = "ulimit -S -n 256 && exec \"$0\" --exact \
                container::mounts::of_a_caller_with_few_descriptors --nocapture";
    let output = std::process::Command::new("sh")
        .args(["-c", line])
        .arg(std::env::current_exe().unwrap())
        .env("OCI_TEST_FEW_DESCRIPTORS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_with_few_descriptors() {
    oci_testing::needs!(root, busybox);
    if std::env::var_os("OCI_TEST_FEW_DESCRIPTORS").is_none() {
        return;
    }
    for has_user_namespace in [false, true] {
        let line = "grep -c ' /tmp/[0-9]* ' /proc/self/mountinfo; ulimit -n";
        let text = prints(
            |spec| {
                let linux = spec.linux.as_mut().unwrap();
                if has_user_namespace {
                    linux.namespaces.push(Namespace::new(NamespaceType::User));
                    linux.uid_mappings = vec![IdMapping::new(0, 100_000, 1000)];
                    linux.gid_mappings = vec![IdMapping::new(0, 100_000, 1000)];
                }
                let target = |number| format!("/tmp/{number}");
                spec.mounts.push(mount("tmpfs", "tmpfs", "/tmp", &[]));
                spec.mounts.extend(
                    (0..300).map(|number| mount("bind", "/etc/hosts", &target(number), &["bind"])),
                );
            },
            line,
        );
        assert_eq!(text, "300\n256\n", "{has_user_namespace}");
    }
}

#[test]
fn options_may_be_as_long_as_mount_takes_them() {
    oci_testing::needs!(root, busybox);
    let mut fixture = Fixture::new();
    let name = |index: usize| format!("{}{index}", "lower-directory-of-a-long-name".repeat(2));
    let layers: Vec<String> = (0..6)
        .map(|index| {
            let directory = fixture.dir.path().join(name(index));
            std::fs::create_dir(&directory).unwrap();
            std::fs::write(directory.join(index.to_string()), "").unwrap();
            directory.to_str().unwrap().into()
        })
        .collect();
    // What fsconfig(2) takes of a value.
    let lower = format!("lowerdir={}", layers.join(":"));
    assert!(lower.len() > 256);
    let options = [lower.as_str(), "ro", "nosuid", "nodev"];
    fixture.spec.mounts.push(mount("overlay", "overlay", "/mnt", &options));
    let fixture = fixture.shell("ls /mnt; grep ' /mnt ' /proc/self/mountinfo");
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[..6], ["0", "1", "2", "3", "4", "5"], "{}", outcome.stderr);
    assert!(lines[6].contains(" /mnt ro,nosuid,nodev,"), "{}", lines[6]);
    assert_eq!(fixture.residue(), Vec::<String>::new());
}

#[test]
fn a_read_only_dev_has_its_devices() {
    oci_testing::needs!(user_namespaces, busybox);
    let set = |spec: &mut Spec| {
        let dev = spec.mounts.iter_mut().find(|mount| mount.destination == "/dev").unwrap();
        dev.options.push("ro".into());
    };
    let line = "echo x > /dev/null && ls /dev/pts /dev/shm; touch /dev/file";
    assert_eq!(
        prints(set, line),
        "/dev/pts:\nptmx\n\n/dev/shm:\ntouch: /dev/file: Read-only file system\n"
    );
}

#[test]
fn a_filesystem_in_memory_has_the_mode_of_what_it_covers() {
    oci_testing::needs!(user_namespaces, busybox);
    let mut fixture = Fixture::new().shell("stat -c %a /closed /open /new");
    for (name, mode) in [("closed", 0o710), ("open", 0o755)] {
        let directory = fixture.rootfs().join(name);
        std::fs::create_dir(&directory).unwrap();
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let options: [&[&str]; 3] = [&[], &["mode=1777"], &[]];
    for (target, options) in ["/closed", "/open", "/new"].into_iter().zip(options) {
        fixture.spec.mounts.push(mount("tmpfs", "tmpfs", target, options));
    }
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "710\n1777\n1777\n", "{}", outcome.stderr);
}
