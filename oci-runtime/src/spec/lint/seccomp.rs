use oci_image::validate::Findings;

use super::place::listed;
use crate::spec::linux::{Seccomp, SeccompAction, Syscall};

/// Linux passes six arguments to a system call.
const LAST_ARGUMENT: u32 = 5;

pub(super) fn check(findings: &mut Findings, seccomp: &Seccomp) {
    findings.at("defaultAction", |findings| {
        listed!(findings, error, "RT-LINUX-30", seccomp.default_action);
    });
    errno(
        findings,
        "RT-LINUX-30",
        "defaultErrnoRet",
        &seccomp.default_action,
        seccomp.default_errno_ret,
    );
    findings.each("architectures", &seccomp.architectures, |findings, architecture| {
        listed!(findings, warning, "RT-LINUX-31", architecture);
    });
    findings.each("flags", &seccomp.flags, |findings, flag| {
        listed!(findings, warning, "RT-LINUX-31", flag);
    });
    listener(findings, seccomp);
    findings.each("syscalls", &seccomp.syscalls, syscall);
}

fn listener(findings: &mut Findings, seccomp: &Seccomp) {
    let has = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if has(&seccomp.listener_path) {
        return;
    }
    if has(&seccomp.listener_metadata) {
        let message = "must not be set without `listenerPath`";
        findings.at("listenerMetadata", |findings| findings.error("RT-LINUX-32", message));
    }
    let mut actions = seccomp.syscalls.iter().map(|syscall| &syscall.action);
    if actions.any(|action| *action == SeccompAction::Notify) {
        findings.warning("RT-LINUX-32", "`SCMP_ACT_NOTIFY` needs `listenerPath`");
    }
}

fn syscall(findings: &mut Findings, syscall: &Syscall) {
    if syscall.names.iter().all(String::is_empty) {
        let message = "at least one name is required";
        findings.at("names", |findings| findings.error("RT-LINUX-33", message));
    }
    findings.at("action", |findings| {
        listed!(findings, error, "RT-LINUX-33", syscall.action);
    });
    errno(findings, "RT-LINUX-33", "errnoRet", &syscall.action, syscall.errno_ret);
    findings.each("args", &syscall.args, |findings, arg| {
        if arg.index > LAST_ARGUMENT {
            let message = format!("`{}` is not from 0 to {LAST_ARGUMENT}", arg.index);
            findings.at("index", |findings| findings.error("RT-LINUX-33", message));
        }
        findings.at("op", |findings| {
            listed!(findings, error, "RT-LINUX-33", arg.op);
        });
    });
}

/// An error number goes only with an action that returns one.
fn errno(
    findings: &mut Findings,
    id: &'static str,
    member: &str,
    action: &SeccompAction,
    errno: Option<u32>,
) {
    let takes = matches!(action, SeccompAction::Errno | SeccompAction::Trace);
    if errno.is_some() && !takes {
        let message = format!("`{action}` takes no error number");
        findings.at(member, |findings| findings.error(id, message));
    }
}
