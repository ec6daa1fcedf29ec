use std::collections::BTreeSet;

use oci_image::json::Map;
use oci_image::validate::Findings;

use super::mounts::ranges;
use super::place::{absolute, listed, number_list};
use super::target::Target;
use super::{resources, seccomp};
use crate::spec::Linux;
use crate::spec::linux::{
    Device, DeviceType, IntelRdt, MemoryPolicy, MemoryPolicyMode, Namespace, NetDevice, TimeOffset,
};

pub(super) fn check(findings: &mut Findings, linux: &Linux) {
    ranges(findings, "RT-LINUX-05", "uidMappings", &linux.uid_mappings);
    ranges(findings, "RT-LINUX-05", "gidMappings", &linux.gid_mappings);
    sysctl(findings, &linux.sysctl);
    if let Some(limits) = &linux.resources {
        findings.at("resources", |findings| resources::check(findings, limits));
    }
    if linux.cgroups_path.iter().any(|path| path.split('/').any(|step| step == "..")) {
        let message = "path should not hold `..`";
        findings.at("cgroupsPath", |findings| findings.warning("RT-LINUX-14", message));
    }
    namespaces(findings, &linux.namespaces);
    devices(findings, &linux.devices);
    net_devices(findings, &linux.net_devices);
    if let Some(filter) = &linux.seccomp {
        findings.at("seccomp", |findings| seccomp::check(findings, filter));
    }
    if let Some(propagation) = &linux.rootfs_propagation {
        findings.at("rootfsPropagation", |findings| {
            listed!(findings, error, "RT-LINUX-35", propagation);
        });
    }
    for (name, paths) in
        [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)]
    {
        findings.each(name, paths, |findings, path| {
            absolute(findings, "RT-LINUX-36", path, Target::Linux);
        });
    }
    if let Some(rdt) = &linux.intel_rdt {
        findings.at("intelRdt", |findings| intel_rdt(findings, rdt));
    }
    if let Some(policy) = &linux.memory_policy {
        findings.at("memoryPolicy", |findings| memory_policy(findings, policy));
    }
    if let Some(personality) = &linux.personality {
        findings.at("personality", |findings| {
            findings.at("domain", |findings| {
                listed!(findings, error, "RT-LINUX-37", personality.domain);
            });
        });
    }
    time_offsets(findings, &linux.time_offsets);
}

fn sysctl(findings: &mut Findings, sysctl: &Map<String>) {
    findings.at("sysctl", |findings| {
        for name in sysctl.keys() {
            let steps = || name.split(['.', '/']);
            if steps().any(str::is_empty) || name.contains('\0') {
                let message =
                    format!("`{}` is not the name of a kernel parameter", name.escape_default());
                findings.at(name, |findings| findings.error("RT-LINUX-29", message));
            }
        }
    });
}

fn namespaces(findings: &mut Findings, namespaces: &[Namespace]) {
    let mut seen = BTreeSet::new();
    findings.each("namespaces", namespaces, |findings, namespace| {
        findings.at("type", |findings| {
            listed!(findings, error, "RT-LINUX-02", namespace.r#type);
        });
        if !seen.insert(namespace.r#type.clone()) {
            let message = format!("namespace `{}` is there twice", namespace.r#type);
            findings.error("RT-LINUX-04", message);
        }
        if let Some(path) = &namespace.path {
            findings.at("path", |findings| absolute(findings, "RT-LINUX-03", path, Target::Linux));
        }
    });
}

fn devices(findings: &mut Findings, devices: &[Device]) {
    let mut seen = BTreeSet::new();
    findings.each("devices", devices, |findings, device| {
        if device.r#type == DeviceType::All || !device.r#type.is_listed() {
            let message = format!("`{}` is not `c`, `b`, `u` or `p`", device.r#type);
            findings.at("type", |findings| findings.error("RT-LINUX-08", message));
        }
        findings.at("path", |f| absolute(f, "RT-LINUX-08", &device.path, Target::Linux));
        if device.r#type == DeviceType::Fifo {
            return;
        }
        if device.major.is_none() || device.minor.is_none() {
            findings.error("RT-LINUX-08", "members `major` and `minor` are required");
        } else if !seen.insert((device.r#type.clone(), device.major, device.minor)) {
            findings.warning("RT-LINUX-10", "the same device should not be there twice");
        }
    });
}

fn net_devices(findings: &mut Findings, devices: &Map<NetDevice>) {
    let mut seen = BTreeSet::new();
    findings.at("netDevices", |findings| {
        for (host_name, device) in devices {
            findings.at(host_name, |findings| {
                let name = device.name.as_ref().filter(|name| !name.is_empty());
                let name = name.unwrap_or(host_name);
                for name in [host_name, name] {
                    if !is_interface(name) {
                        let message = format!("`{name}` can be no network device's name");
                        findings.error("RT-LINUX-12", message);
                        break;
                    }
                }
                if !name.contains("%d") && !seen.insert(name.clone()) {
                    let message = format!("two devices become `{name}` in the container");
                    findings.error("RT-LINUX-12", message);
                }
            });
        }
    });
}

/// As the kernel checks names of network devices.
fn is_interface(name: &str) -> bool {
    let good = |byte: u8| !matches!(byte, b'/' | b':' | 0) && !byte.is_ascii_whitespace();
    !matches!(name, "" | "." | "..") && name.len() < 16 && name.bytes().all(good)
}

fn intel_rdt(findings: &mut Findings, rdt: &IntelRdt) {
    if let Some(id) = &rdt.clos_id
        && (matches!(id.as_str(), "." | "..") || id.contains(['/', '\n', '\0']))
    {
        findings.at("closID", |f| f.error("RT-LINUX-26", "not the name of one directory"));
    }
    let lines = rdt.schemata.iter().enumerate();
    for (number, line) in lines.filter(|(_, line)| line.contains('\n')) {
        let message = format!("`{}` is more than one line", line.escape_default());
        findings.at("schemata", |f| f.at(number, |f| f.error("RT-LINUX-26", message)));
    }
    if let Some(schema) = &rdt.l3_cache_schema {
        findings.at("l3CacheSchema", |findings| {
            if schema.contains('\n') {
                findings.error("RT-LINUX-26", "schema is more than one line");
            }
            if !schema.starts_with("L3:") {
                findings.warning("RT-LINUX-26", "schema should start with `L3:`");
            }
        });
    }
    if let Some(schema) = &rdt.mem_bw_schema {
        findings.at("memBwSchema", |findings| {
            if schema.contains('\n') {
                findings.error("RT-LINUX-26", "schema is more than one line");
            }
            if !schema.starts_with("MB:") {
                findings.error("RT-LINUX-26", "schema must start with `MB:`");
            }
        });
    }
}

fn memory_policy(findings: &mut Findings, policy: &MemoryPolicy) {
    findings.at("mode", |findings| {
        listed!(findings, error, "RT-LINUX-28", policy.mode);
    });
    findings.each("flags", &policy.flags, |findings, flag| {
        listed!(findings, error, "RT-LINUX-28", flag);
    });
    let nodes = policy.nodes.as_deref().unwrap_or_default();
    findings.at("nodes", |findings| number_list(findings, "RT-LINUX-28", nodes));
    let needs_none = matches!(
        policy.mode,
        MemoryPolicyMode::Default | MemoryPolicyMode::Local | MemoryPolicyMode::Preferred
    );
    if nodes.trim().is_empty() && policy.mode.is_listed() && !needs_none {
        findings.error("RT-LINUX-28", format!("mode `{}` needs `nodes`", policy.mode));
    }
}

fn time_offsets(findings: &mut Findings, offsets: &Map<TimeOffset>) {
    findings.at("timeOffsets", |findings| {
        for (clock, offset) in offsets {
            findings.at(clock, |findings| {
                if !matches!(clock.as_str(), "boottime" | "monotonic") {
                    findings.error("RT-LINUX-06", "clocks are `boottime` and `monotonic`");
                }
                if offset.nanosecs.is_some_and(|nanoseconds| nanoseconds >= 1_000_000_000) {
                    findings.error("RT-LINUX-06", "`nanosecs` is a second or more");
                }
            });
        }
    });
}
