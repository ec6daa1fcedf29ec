use oci_image::validate::Findings;

use super::place::number_list;
use crate::spec::linux::{
    BlockIo, Cpu, DeviceAccess, DeviceRule, DeviceType, HugepageLimit, Memory, Pids, Resources,
};

pub(super) fn check(findings: &mut Findings, resources: &Resources) {
    findings.each("devices", &resources.devices, device_rule);
    if let Some(limits) = &resources.memory {
        findings.at("memory", |findings| memory(findings, limits));
    }
    if let Some(limits) = &resources.cpu {
        findings.at("cpu", |findings| cpu(findings, limits));
    }
    if let Some(Pids { limit: Some(limit), .. }) = &resources.pids
        && *limit < -1
    {
        let message = format!("`{limit}` is neither a limit nor -1");
        findings.at("pids", |f| f.at("limit", |f| f.error("RT-LINUX-23", message)));
    }
    if let Some(limits) = &resources.block_io {
        findings.at("blockIO", |findings| block_io(findings, limits));
    }
    findings.each("hugepageLimits", &resources.hugepage_limits, hugepages);
    findings.at("rdma", |findings| {
        for (device, limits) in &resources.rdma {
            if limits.hca_handles.is_none() && limits.hca_objects.is_none() {
                let message = "`hcaHandles` or `hcaObjects` is required";
                findings.at(device, |findings| findings.error("RT-LINUX-24", message));
            }
        }
    });
    findings.at("unified", |findings| {
        for file in resources.unified.keys() {
            if matches!(file.as_str(), "" | "." | "..") || file.contains(['/', '\0']) {
                let message = "not the name of a file of a cgroup";
                findings.at(file, |findings| findings.error("RT-LINUX-25", message));
            }
        }
    });
}

fn device_rule(findings: &mut Findings, rule: &DeviceRule) {
    if let Some(kind) = &rule.r#type {
        findings.at("type", |findings| match kind {
            DeviceType::All | DeviceType::Char | DeviceType::Block => {}
            _ => findings.error("RT-LINUX-17", format!("`{kind}` is not `a`, `c` or `b`")),
        });
    }
    let is_access = |letter| DeviceAccess::from_letter(letter).is_some();
    if let Some(access) = rule.access.as_ref().filter(|access| !access.chars().all(is_access)) {
        let message = format!("`{access}` is more than `r`, `w` and `m`");
        findings.at("access", |findings| findings.error("RT-LINUX-17", message));
    }
}

fn memory(findings: &mut Findings, memory: &Memory) {
    for (name, limit) in [
        ("limit", memory.limit),
        ("reservation", memory.reservation),
        ("swap", memory.swap),
        ("kernel", memory.kernel),
        ("kernelTCP", memory.kernel_tcp),
    ] {
        let Some(limit) = limit else { continue };
        findings.at(name, |findings| {
            if limit < -1 {
                findings.error("RT-LINUX-18", format!("`{limit}` is neither a size nor -1"));
            }
            if name.starts_with("kernel") {
                findings.warning("RT-LINUX-18", "limits of kernel memory are not recommended");
            }
        });
    }
    if let Some(swappiness) = memory.swappiness.filter(|&swappiness| swappiness > 100) {
        let message = format!("`{swappiness}` is not from 0 to 100");
        findings.at("swappiness", |findings| findings.error("RT-LINUX-18", message));
    }
}

fn cpu(findings: &mut Findings, cpu: &Cpu) {
    if let (Some(quota @ 1..), Some(burst)) = (cpu.quota, cpu.burst)
        && burst > quota.unsigned_abs()
    {
        let message = format!("`{burst}` is over the quota of `{quota}`");
        findings.at("burst", |findings| findings.error("RT-LINUX-19", message));
    }
    for (name, list) in [("cpus", &cpu.cpus), ("mems", &cpu.mems)] {
        let list = list.as_deref().unwrap_or_default();
        findings.at(name, |findings| number_list(findings, "RT-LINUX-19", list));
    }
    if let Some(idle) = cpu.idle.filter(|idle| !(0..=1).contains(idle)) {
        let message = format!("`{idle}` is neither 0 nor 1");
        findings.at("idle", |findings| findings.error("RT-LINUX-19", message));
    }
}

fn block_io(findings: &mut Findings, limits: &BlockIo) {
    weights(findings, limits.weight, limits.leaf_weight);
    findings.each("weightDevice", &limits.weight_device, |findings, device| {
        if device.weight.is_none() && device.leaf_weight.is_none() {
            findings.error("RT-LINUX-20", "`weight` or `leafWeight` is required");
        }
        weights(findings, device.weight, device.leaf_weight);
    });
}

fn weights(findings: &mut Findings, weight: Option<u16>, leaf_weight: Option<u16>) {
    for (name, weight) in [("weight", weight), ("leafWeight", leaf_weight)] {
        if let Some(weight) = weight.filter(|weight| !(10..=1000).contains(weight)) {
            let message = format!("`{weight}` is not from 10 to 1000");
            findings.at(name, |findings| findings.error("RT-LINUX-20", message));
        }
    }
}

fn hugepages(findings: &mut Findings, limit: &HugepageLimit) {
    let size = limit.page_size.as_str();
    let number = ["KB", "MB", "GB"].iter().find_map(|unit| size.strip_suffix(unit));
    let is_number = |text: &str| {
        !text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !number.is_some_and(is_number) {
        let message = format!("`{size}` is not a number and `KB`, `MB` or `GB`");
        findings.at("pageSize", |findings| findings.error("RT-LINUX-21", message));
    }
}
