//! Devices that a specification adds.

use oci_runtime::spec::linux::{Device, DeviceType};

use super::fixture::{Fixture, chain, prints};

fn device(kind: DeviceType, path: &str, number: Option<(i64, i64)>) -> Device {
    let mut device = Device::new(kind, path.into());
    (device.major, device.minor) = number.unzip();
    device
}

// covers: RT-LINUX-07
#[test]
#[ignore = "needs root and busybox"]
fn devices_are_there_with_numbers_owner_and_mode() {
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
#[ignore = "needs root and busybox"]
fn another_file_in_a_devices_place_is_an_error() {
    use std::os::unix::fs::symlink;
    type Plant = fn(&std::path::Path);
    let cases: [(&str, Plant, bool); 5] = [
        ("a file", |path| std::fs::write(path, "").unwrap(), false),
        ("a directory", |path| std::fs::create_dir(path).unwrap(), false),
        ("a link to the device", |path| symlink("/dev/null", path).unwrap(), false),
        ("another device", |path| node(path, 5), false),
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

/// Makes a character device of major number 1.
fn node(path: &std::path::Path, minor: u32) {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(1, minor)).unwrap();
}
