use oci_image::validate::Findings;

use super::place::listed;
use crate::spec::{IoPriority, Scheduler};

pub(super) fn check(findings: &mut Findings, scheduler: &Scheduler) {
    findings.at("policy", |findings| {
        listed!(findings, error, "RT-PROC-12", scheduler.policy);
    });
    findings.each("flags", &scheduler.flags, |findings, flag| {
        listed!(findings, error, "RT-PROC-13", flag);
    });
}

pub(super) fn check_io(findings: &mut Findings, priority: &IoPriority) {
    findings.at("class", |findings| {
        listed!(findings, error, "RT-PROC-14", priority.class);
    });
    if !(0..=7).contains(&priority.priority) {
        let message = format!("`{}` is not from 0 to 7", priority.priority);
        findings.at("priority", |findings| findings.error("RT-PROC-14", message));
    }
}
