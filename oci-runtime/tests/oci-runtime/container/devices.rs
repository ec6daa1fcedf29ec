//! Devices that a specification adds.

use std::fs;
use std::path::{Path, PathBuf};

use oci_runtime::Stdio;
use oci_runtime::spec::Mount;
use oci_runtime::spec::linux::{Device, DeviceRule, DeviceType, Resources};
use rustix::fs::FileType;

use super::fixture::{Fixture, chain, prints};

fn device(kind: DeviceType, path: &str, number: Option<(i64, i64)>) -> Device {
    let mut device = Device::new(kind, path.into());
    (device.major, device.minor) = number.unzip();
    device
}

// covers: RT-LINUX-07
#[test]
fn devices_are_there_with_numbers_owner_and_mode() {
    oci_testing::needs!(root, busybox);
    let text = prints(
        |spec| {
            let mut null = device(DeviceType::Char, "/dev/own/null", Some((1, 3)));
            (null.file_mode, null.uid, null.gid) = (Some(0o640), Some(7), Some(8));
            let disk = device(DeviceType::Block, "/dev/disk", Some((7, 250)));
            let pipe = device(DeviceType::Fifo, "/tmp/pipe", None);
            spec.linux.as_mut().unwrap().devices = vec![null, disk, pipe];
        },
        "stat -c '%n %F %t:%T %a %u %g' /dev/own/null /dev/disk /tmp/pipe; \
         cat /tmp/pipe & echo through > /tmp/pipe; wait; \
         echo x > /dev/own/null && echo written",
    );
    assert_eq!(
        text,
        "/dev/own/null character special file 1:3 640 7 8\n\
         /dev/disk block special file 7:fa 666 0 0\n/tmp/pipe fifo 0:0 666 0 0\nthrough\nwritten\n"
    );
}

// covers: RT-LINUX-09
#[test]
fn another_file_in_a_devices_place_is_an_error() {
    oci_testing::needs!(root, busybox);
    use std::os::unix::fs::symlink;
    type Prepare = fn(&Path);
    let cases: [(&str, Prepare, bool); 6] = [
        ("a file", |path| std::fs::write(path, "").unwrap(), false),
        ("a directory", |path| std::fs::create_dir(path).unwrap(), false),
        ("a link to the device", |path| symlink("/dev/null", path).unwrap(), false),
        ("another device", |path| node(path, 5), false),
        ("a block device", |path| node_of(FileType::BlockDevice, path, 3), false),
        ("the device itself", |path| node(path, 3), true),
    ];
    for (name, plant, fits) in cases {
        let mut fixture = Fixture::new().shell("[ -c /etc/null ] && echo there");
        plant(&fixture.rootfs().join("etc/null"));
        fixture.spec.linux.as_mut().unwrap().devices =
            vec![device(DeviceType::Char, "/etc/null", Some((1, 3)))];
        let result = fixture.run().map(|outcome| outcome.stdout).map_err(|error| chain(&error));
        match result {
            Ok(text) if fits => assert_eq!(text, "there\n"),
            Err(error) if !fits => {
                assert!(error.contains("another file is at `/etc/null` already"), "{name}: {error}")
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(fixture.residue(), Vec::<String>::new());
    }
}

#[test]
fn a_device_that_no_rule_permits_is_not_opened() {
    oci_testing::needs!(root, cgroups, busybox);
    // Not even a number that no driver has: the rules are asked first.
    let line = "busybox mknod /tmp/disk b 7 250 && cat /tmp/disk; busybox mknod /tmp/null c 1 3 && \
                cat /tmp/null && echo null";
    let denied = "null\ncat: can't open '/tmp/disk': Operation not permitted\n";
    let mut null = DeviceRule::new(true);
    null.access = Some("rwm".into());
    (null.r#type, null.major, null.minor) = (Some(DeviceType::Char), Some(1), Some(3));
    let empty = Resources::new();
    let mut only_allows = Resources::new();
    only_allows.devices = vec![null];
    for resources in [None, Some(empty), Some(only_allows)] {
        let text = prints(|spec| spec.linux.as_mut().unwrap().resources = resources.clone(), line);
        assert_eq!(text, denied, "{resources:?}");
    }
}

/// A container whose `/dev` is a directory of the host, which holds `/dev/null` alone; and that directory.
fn with_the_hosts_dev(destination: &str, line: &str) -> (Fixture, PathBuf) {
    let mut fixture = Fixture::new().shell(line);
    let directory = fixture.dir.path().join("host-dev");
    fs::create_dir(&directory).unwrap();
    node(&directory.join("null"), 3);
    fixture.spec.mounts.retain(|mount| !mount.destination.starts_with("/dev"));
    let mut mount = Mount::new(destination.into());
    mount.source = Some(directory.to_str().unwrap().into());
    mount.options = vec!["rbind".into()];
    fixture.spec.mounts.push(mount);
    (fixture, directory)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

// covers: RT-LINUX-07
#[test]
fn nothing_is_made_in_a_directory_of_the_host() {
    oci_testing::needs!(root, busybox);
    let line = "echo x > /dev/null && ls /dev";
    for destination in ["/dev", "/dev/", "//dev/./", "/tmp/../dev"] {
        let (mut fixture, directory) = with_the_hosts_dev(destination, line);
        let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
        assert_eq!(outcome.stdout, "null\n", "{destination}: {}", outcome.stderr);
        let devices = &mut fixture.spec.linux.as_mut().unwrap().devices;
        *devices = vec![device(DeviceType::Char, "/dev/null", Some((1, 3)))];
        let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
        assert_eq!(outcome.stdout, "null\n", "{destination}: {}", outcome.stderr);
        for (path, number, expected) in [
            ("/dev/own", (1, 5), "nothing is at `/dev/own`"),
            ("/dev/own/zero", (1, 5), "nothing is at `/dev/own/zero`"),
            ("/dev/null", (1, 5), "another file is at `/dev/null` already"),
        ] {
            fixture.spec.linux.as_mut().unwrap().devices =
                vec![device(DeviceType::Char, path, Some(number))];
            let error = chain(&fixture.run().map(drop).unwrap_err());
            assert!(error.contains(expected), "{destination}: {error}");
            assert_eq!(fixture.residue(), Vec::<String>::new());
        }
        assert_eq!(names(&directory), ["null"], "{destination}");
    }
}

/// The console of the container is shown over the host's, and none is made where the host has none.
#[test]
fn a_terminal_makes_no_console_in_a_directory_of_the_host() {
    oci_testing::needs!(root, busybox);
    for has_console in [false, true] {
        let line = "[ /dev/console -ef /dev/pts/0 ] && echo console";
        let (mut fixture, directory) = with_the_hosts_dev("/dev", line);
        let mut terminals = Mount::new("/dev/pts".into());
        (terminals.r#type, terminals.source) = (Some("devpts".into()), Some("devpts".into()));
        terminals.options = ["newinstance", "ptmxmode=0666"].map(String::from).to_vec();
        fixture.spec.mounts.push(terminals);
        fs::create_dir(directory.join("pts")).unwrap();
        if has_console {
            fs::write(directory.join("console"), "").unwrap();
        }
        let before = names(&directory);
        fixture.spec.process.as_mut().unwrap().terminal = Some(true);
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let container =
            fixture.create(Stdio::terminal(theirs)).map_err(|error| chain(&error)).unwrap();
        let master = Stdio::master(&ours).unwrap();
        container.start().map_err(|error| chain(&error)).unwrap();
        let status = container.wait().unwrap();
        drop(master);
        container.delete().unwrap();
        assert_eq!(status.success(), has_console);
        assert_eq!(names(&directory), before);
    }
}

/// What is mounted last decides whose the directory is.
#[test]
fn devices_are_made_in_what_is_mounted_over_a_directory_of_the_host() {
    oci_testing::needs!(root, busybox);
    let (mut fixture, directory) = with_the_hosts_dev("/dev", "stat -c '%n %t:%T' /dev/own/zero");
    fs::create_dir(directory.join("own")).unwrap();
    let mut mount = Mount::new("/dev/own".into());
    (mount.r#type, mount.source) = (Some("tmpfs".into()), Some("tmpfs".into()));
    fixture.spec.mounts.push(mount);
    fixture.spec.linux.as_mut().unwrap().devices =
        vec![device(DeviceType::Char, "/dev/own/zero", Some((1, 5)))];
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "/dev/own/zero 1:5\n", "{}", outcome.stderr);
    assert_eq!(names(&directory), ["null", "own"]);
    assert_eq!(names(&directory.join("own")), Vec::<String>::new());
}

/// Changing a mount makes it no directory of the host.
#[test]
fn a_dev_that_is_remounted_has_its_devices() {
    oci_testing::needs!(root, busybox);
    let change = |spec: &mut oci_runtime::Spec| {
        let mut mount = Mount::new("/dev".into());
        mount.options = ["remount", "bind", "nosuid"].map(String::from).to_vec();
        spec.mounts.push(mount);
    };
    assert_eq!(prints(change, "[ -c /dev/null ] && [ -h /dev/fd ] && echo there"), "there\n");
}

/// Makes a character device of major number 1.
fn node(path: &Path, minor: u32) {
    node_of(FileType::CharacterDevice, path, minor);
}

fn node_of(kind: FileType, path: &Path, minor: u32) {
    use rustix::fs::{CWD, Mode, makedev, mknodat};
    mknodat(CWD, path, kind, Mode::from_raw_mode(0o666), makedev(1, minor)).unwrap();
}
