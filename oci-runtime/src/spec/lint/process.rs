use std::collections::BTreeSet;

use oci_image::validate::Findings;

use super::place::{absolute, listed, no_nul, number_list};
use super::scheduler;
use super::target::Target;
use crate::spec::{Capabilities, Process, Rlimit};

pub(super) fn check(findings: &mut Findings, process: &Process, target: Target) {
    user(findings, process, target);
    command(findings, process, target);
    findings.each("env", &process.env, |findings, entry| {
        if no_nul(findings, "RT-PROC-04", entry) && entry.find('=').is_none_or(|at| at == 0) {
            findings.warning("RT-PROC-04", format!("`{entry}` is not `NAME=VALUE`"));
        }
    });
    findings.at("cwd", |findings| absolute(findings, "RT-PROC-03", &process.cwd, target));
    if let Some(capabilities) = &process.capabilities {
        findings.at("capabilities", |findings| sets(findings, capabilities));
    }
    rlimits(findings, &process.rlimits, target);
    if let Some(adjustment) = process.oom_score_adj.filter(|value| !(-1000..=1000).contains(value))
    {
        let message = format!("`{adjustment}` is not from -1000 to 1000");
        findings.at("oomScoreAdj", |findings| findings.error("RT-PROC-11", message));
    }
    if let Some(plan) = &process.scheduler {
        findings.at("scheduler", |findings| scheduler::check(findings, plan));
    }
    if let Some(priority) = &process.io_priority {
        findings.at("ioPriority", |findings| scheduler::check_io(findings, priority));
    }
    if let Some(affinity) = &process.exec_cpu_affinity {
        findings.at("execCPUAffinity", |findings| {
            for (name, list) in [("initial", &affinity.initial), ("final", &affinity.r#final)] {
                let list = list.as_deref().unwrap_or_default();
                findings.at(name, |findings| number_list(findings, "RT-PROC-15", list));
            }
        });
    }
}

fn user(findings: &mut Findings, process: &Process, target: Target) {
    let Some(user) = &process.user else {
        if target.is_posix() {
            findings.warning("RT-PROC-16", "process has no member `user`");
        }
        return;
    };
    let posix = target.is_posix() || (target == Target::Unknown && user.username.is_none());
    if posix && (user.uid.is_none() || user.gid.is_none()) {
        let message = "members `uid` and `gid` are required";
        findings.at("user", |findings| findings.error("RT-PROC-16", message));
    }
}

fn command(findings: &mut Findings, process: &Process, target: Target) {
    let line = process.command_line.as_deref().is_some_and(|line| !line.is_empty());
    if process.args.is_empty() && (target.is_posix() || !line) {
        let message = match target {
            Target::Windows => "`args` or `commandLine` is required",
            _ => "`args` needs at least one element",
        };
        findings.at("args", |findings| findings.error("RT-PROC-05", message));
    }
    findings.each("args", &process.args, |findings, argument| {
        no_nul(findings, "RT-PROC-05", argument);
    });
}

fn sets(findings: &mut Findings, capabilities: &Capabilities) {
    for (name, set) in [
        ("bounding", &capabilities.bounding),
        ("effective", &capabilities.effective),
        ("inheritable", &capabilities.inheritable),
        ("permitted", &capabilities.permitted),
        ("ambient", &capabilities.ambient),
    ] {
        findings.each(name, set, |findings, capability| {
            listed!(findings, warning, "RT-PROC-10", capability);
        });
    }
}

fn rlimits(findings: &mut Findings, rlimits: &[Rlimit], target: Target) {
    let mut seen = BTreeSet::new();
    findings.each("rlimits", rlimits, |findings, rlimit| {
        let named = rlimit.r#type.as_str().strip_prefix("RLIMIT_").unwrap_or_default();
        let shaped = !named.is_empty() && named.bytes().all(|byte| byte.is_ascii_uppercase());
        if !shaped || (target == Target::Linux && !rlimit.r#type.is_listed()) {
            let message =
                format!("`{}` is not the name of a resource of the kernel", rlimit.r#type);
            findings.at("type", |findings| findings.error("RT-PROC-07", message));
        }
        if rlimit.soft > rlimit.hard {
            findings.error("RT-PROC-07", "`soft` is over `hard`, which the kernel refuses");
        }
        if !seen.insert(rlimit.r#type.clone()) {
            findings.error("RT-PROC-08", format!("`{}` is limited twice", rlimit.r#type));
        }
    });
}
