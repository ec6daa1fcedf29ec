//! Who makes the cgroup of a container.

use oci_runtime::{CgroupDriver, Host, Spec};

use super::{plan, texts};

/// The first step, or every reason why not.
fn planned(driver: CgroupDriver, path: Option<&str>, resources: Option<&str>) -> String {
    let mut spec = Spec::linux_default();
    let linux = spec.linux.as_mut().unwrap();
    linux.cgroups_path = path.map(String::from);
    linux.resources = resources.map(|text| oci_image::json::from_slice(text.as_bytes()).unwrap());
    match plan(spec, &Host::typical().cgroup_driver(driver)) {
        Ok(plan) => plan.steps().next().unwrap(),
        Err(refusals) => texts(&refusals).join("; "),
    }
}

#[test]
fn without_a_driver_there_is_no_cgroup_and_no_limit() {
    let limited = r#"{"pids":{"limit":9}}"#;
    assert!(!planned(CgroupDriver::None, Some("/one"), None).contains("cgroup"));
    let refused = planned(CgroupDriver::None, None, Some(limited));
    assert!(
        refused.contains("limits need a cgroup, and the driver of cgroups is `none`"),
        "{refused}"
    );
    let devices = r#"{"devices":[{"allow":false,"access":"rwm"}]}"#;
    let refused = planned(CgroupDriver::None, None, Some(devices));
    assert!(refused.contains("device rules need a cgroup"), "{refused}");
}

#[cfg(feature = "systemd")]
#[test]
fn systemd_is_asked_for_what_the_path_names() {
    let driver = CgroupDriver::Systemd;
    let made = planned(driver, Some("machine.slice:libpod:1"), None);
    assert!(made.starts_with("have systemd make cgroup machine.slice:libpod:1"), "{made}");
    assert!(planned(driver, None, None).starts_with("have systemd make cgroup"));
    for path in ["/one", "a.slice:b", "a:b:c:d"] {
        let refused = planned(driver, Some(path), None);
        assert!(refused.contains(&format!("`{path}` is not `SLICE:PREFIX:NAME`")), "{refused}");
    }
}

#[cfg(not(feature = "systemd"))]
#[test]
fn a_program_without_the_feature_asks_systemd_for_nothing() {
    let refused = planned(CgroupDriver::Systemd, None, None);
    assert!(refused.contains("needs the feature `systemd`"), "{refused}");
}
