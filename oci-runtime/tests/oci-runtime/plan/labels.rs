//! Labels of AppArmor and SELinux: written, or refused.

use oci_runtime::{Host, Spec};

use super::{plan, refusals};

const CONTEXT: &str = "system_u:system_r:container_t:s0:c1,c2";
const FILES: &str = "system_u:object_r:container_file_t:s0:c1,c2";

fn label(spec: &mut Spec) {
    let process = spec.process.as_mut().unwrap();
    process.apparmor_profile = Some("strict".into());
    process.selinux_label = Some(CONTEXT.into());
    spec.linux.as_mut().unwrap().mount_label = Some(FILES.into());
}

fn host(modules: &[&str]) -> Host {
    let mut host = Host::typical();
    host.security_modules = modules.iter().copied().map(String::from).collect();
    host
}

#[test]
fn a_label_of_a_module_that_is_not_at_work_is_refused() {
    let (process, selinux, mounts) = (
        "`/process/apparmorProfile`: AppArmor is not at work on this host",
        "`/process/selinuxLabel`: SELinux is not at work on this host",
        "`/linux/mountLabel`: SELinux is not at work on this host",
    );
    for (modules, expected) in [
        (&["capability"][..], &[mounts, process, selinux][..]),
        (&["apparmor"], &[mounts, selinux]),
        (&["selinux"], &[process]),
    ] {
        assert_eq!(refusals(label, &host(modules)), expected);
    }
}

// covers: RT-PROC-09, RT-LINUX-37
/// What an unlabelled container goes through, and between it what the labels add.
#[test]
fn labels_are_written_last_and_their_files_are_opened_before_rights_are_given_up() {
    let mut spec = Spec::linux_default();
    let plain = plan(spec.clone(), &host(&["apparmor", "selinux"])).unwrap();
    label(&mut spec);
    let plan = plan(spec, &host(&["apparmor", "selinux"])).unwrap();
    let before: Vec<String> = plain.steps().collect();
    let steps: Vec<String> = plan.steps().collect();
    let added: Vec<&String> = steps.iter().filter(|step| !before.contains(step)).collect();
    assert_eq!(
        added,
        [
            "make session keyring with label system_u:system_r:container_t:s0:c1,c2",
            "mount tmpfs on /dev (nosuid, strictatime, mode=755, size=65536k, context=system_u:object_r:container_file_t:s0:c1,c2)",
            "mount devpts on /dev/pts (nosuid, noexec, newinstance, ptmxmode=0666, mode=0620, gid=5, context=system_u:object_r:container_file_t:s0:c1,c2)",
            "mount tmpfs on /dev/shm (nosuid, noexec, nodev, mode=1777, size=65536k, context=system_u:object_r:container_file_t:s0:c1,c2)",
            "label /dev/mqueue system_u:object_r:container_file_t:s0:c1,c2",
            "open attr/apparmor/exec of this process",
            "open attr/exec of this process",
            "write exec strict to attr/apparmor/exec",
            "write system_u:system_r:container_t:s0:c1,c2 to attr/exec",
        ]
    );
    let at = |text: &str| steps.iter().position(|step| step.starts_with(text)).unwrap();
    assert!(at("pivot to") < at("open attr") && at("open attr/exec") < at("bound capabilities"));
    assert!(
        at("wait for the start") < at("write exec") && at("write system_u") + 1 == at("execute")
    );
}

#[test]
fn a_label_is_one_line() {
    let label = |spec: &mut Spec| {
        spec.process.as_mut().unwrap().apparmor_profile = Some("a\nb".into());
    };
    assert_eq!(
        refusals(label, &host(&["apparmor"])),
        ["`/process/apparmorProfile`: a NUL or the end of a line is in the label"]
    );
}
