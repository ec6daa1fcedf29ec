//! Containers of a caller whose mounts are shared, as systemd has them: what is mounted for a container happens nowhere else.

use std::process::Command;

use oci_runtime::Stdio;
use oci_runtime::spec::Mount;

use super::fixture::{Fixture, chain};

#[test]
fn mounts_of_a_container_change_none_of_the_caller() {
    oci_testing::needs!(root, busybox, "unshare");
    let output = Command::new("unshare")
        .args(["-m", "--propagation", "shared"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "container::propagation::of_a_caller_whose_mounts_are_shared"])
        .arg("--nocapture")
        .env("OCI_TEST_SHARED", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The mounts of this process, with the groups of peers that they are in.
fn mounts() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    text.lines().map(String::from).collect()
}

/// In a process of its own: started by the test above.
#[test]
fn of_a_caller_whose_mounts_are_shared() {
    if std::env::var_os("OCI_TEST_SHARED").is_none() {
        return;
    }
    let before = mounts();
    assert!(before.iter().any(|line| line.contains(" / / ") && line.contains(" shared:")));
    for propagation in [None, Some("slave"), Some("private"), Some("rprivate"), Some("rslave")] {
        let mut fixture = Fixture::new().shell("exec sleep 1000");
        fixture.spec.linux.as_mut().unwrap().rootfs_propagation = propagation.map(Into::into);
        let outside = fixture.dir.path().join("outside");
        std::fs::create_dir_all(outside.join("beneath")).unwrap();
        let mut bind = Mount::new("/mnt".into());
        (bind.source, bind.options) =
            (Some(outside.to_str().unwrap().into()), vec!["rbind".into()]);
        let mut beneath = Mount::new("/mnt/beneath".into());
        (beneath.r#type, beneath.source) = (Some("tmpfs".into()), Some("tmpfs".into()));
        fixture.spec.mounts.extend([bind, beneath]);
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        let created = mounts();
        container.force_delete().map_err(|error| chain(&error)).unwrap();
        assert_eq!(created, before, "{propagation:?}");
        assert_eq!(mounts(), before, "{propagation:?}");
    }
    // Here what is mounted in directories of the caller happens there, too; the caller's own mounts stay.
    let mut fixture =
        Fixture::new().shell("grep ' / r[ow],' /proc/self/mountinfo | grep -c ' shared:'");
    fixture.spec.linux.as_mut().unwrap().rootfs_propagation = Some("shared".into());
    let outcome = fixture.run().map_err(|error| chain(&error)).unwrap();
    assert_eq!(outcome.stdout, "1\n", "{}", outcome.stderr);
    assert_eq!(mounts(), before);
}
