use oci_image::validate::Findings;

use super::place::{is_absolute, no_nul};
use super::target::Target;
use crate::spec::{IdMapping, Mount};

pub(super) fn check(findings: &mut Findings, mounts: &[Mount], target: Target) {
    findings.each("mounts", mounts, |findings, mount| {
        findings.at("destination", |findings| destination(findings, &mount.destination, target));
        if let Some(source) = &mount.source {
            findings.at("source", |findings| no_nul(findings, "RT-MOUNT-03", source));
        }
        mappings(findings, mount);
    });
    if target == Target::Windows {
        nested(findings, mounts);
    }
}

fn destination(findings: &mut Findings, path: &str, target: Target) {
    if path.is_empty() {
        findings.error("RT-MOUNT-02", "destination is empty");
    } else if no_nul(findings, "RT-MOUNT-02", path) && !is_absolute(path, target) {
        let message = format!("`{path}` is not an absolute path");
        match target {
            Target::Linux => findings.warning("RT-MOUNT-02", message),
            _ => findings.error("RT-MOUNT-02", message),
        }
    }
}

fn mappings(findings: &mut Findings, mount: &Mount) {
    let (users, groups) = (!mount.uid_mappings.is_empty(), !mount.gid_mappings.is_empty());
    if users != groups {
        let message = "`uidMappings` and `gidMappings` must be given together";
        findings.error("RT-MOUNT-10", message);
    }
    let is_idmap = |option: &String| option == "idmap" || option == "ridmap";
    if users && groups && !mount.options.iter().any(is_idmap) {
        let message = "a mount with mappings should have the option `idmap` or `ridmap`";
        findings.warning("RT-MOUNT-10", message);
    }
    ranges(findings, "RT-MOUNT-10", "uidMappings", &mount.uid_mappings);
    ranges(findings, "RT-MOUNT-10", "gidMappings", &mount.gid_mappings);
}

/// Ranges that the kernel refuses: empty, past the last ID, or twice the same IDs.
pub(super) fn ranges(
    findings: &mut Findings,
    id: &'static str,
    member: &str,
    mappings: &[IdMapping],
) {
    let mut seen: Vec<&IdMapping> = Vec::new();
    findings.at(member, |findings| {
        for (number, mapping) in mappings.iter().enumerate() {
            findings.at(number, |findings| {
                if mapping.size == 0 {
                    findings.error(id, "range is empty");
                }
                let past = |first: u32| first.checked_add(mapping.size).is_none();
                if past(mapping.container_id) || past(mapping.host_id) {
                    findings.error(id, "range goes past the last ID");
                }
                if seen.iter().any(|other| overlap(mapping, other)) {
                    findings.error(id, "range overlaps another one of the list");
                }
            });
            seen.push(mapping);
        }
    });
}

fn overlap(one: &IdMapping, two: &IdMapping) -> bool {
    let cross = |a: u32, b: u32| {
        let (a, b) = (u64::from(a), u64::from(b));
        a < b + u64::from(two.size) && b < a + u64::from(one.size)
    };
    cross(one.container_id, two.container_id) || cross(one.host_id, two.host_id)
}

/// On Windows no mount may be inside of another.
fn nested(findings: &mut Findings, mounts: &[Mount]) {
    let places: Vec<_> = mounts.iter().map(|mount| steps(&mount.destination)).collect();
    findings.at("mounts", |findings| {
        for (number, place) in places.iter().enumerate() {
            let others = places.iter().enumerate().filter(|(other, _)| *other != number);
            if others.map(|(_, other)| other).any(|other| place.starts_with(other)) {
                let message = "a mount on Windows must not be inside of another one";
                findings.at(number, |findings| findings.error("RT-MOUNT-02", message));
            }
        }
    });
}

fn steps(path: &str) -> Vec<String> {
    path.split(['\\', '/']).filter(|step| !step.is_empty()).map(str::to_lowercase).collect()
}
