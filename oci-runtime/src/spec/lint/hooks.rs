use oci_image::validate::Findings;

use super::place::absolute;
use super::target::Target;
use crate::spec::{Hook, Hooks};

pub(super) fn check(findings: &mut Findings, hooks: &Hooks) {
    for (name, list) in [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ] {
        findings.each(name, list, hook);
    }
}

fn hook(findings: &mut Findings, hook: &Hook) {
    findings
        .at("path", |findings| absolute(findings, "RT-HOOK-02", &hook.path, Target::OtherPosix));
    if let Some(timeout) = hook.timeout.filter(|&timeout| timeout <= 0) {
        let message = format!("`{timeout}` is not over 0");
        findings.at("timeout", |findings| findings.error("RT-HOOK-02", message));
    }
}
