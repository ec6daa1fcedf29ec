//! What a runtime document that reads well still gets wrong.

mod annotations;
mod features;
mod freebsd;
mod hooks;
mod linux;
mod mounts;
mod place;
mod process;
mod resources;
mod root;
mod scheduler;
mod seccomp;
mod state;
mod target;
pub(crate) mod version;
mod vm;
mod windows;
mod zos;

use oci_image::validate::{Findings, Lint};
use target::Target;

use super::Spec;

impl Lint for Spec {
    fn lint_into(&self, findings: &mut Findings) {
        let target = Target::of(self);
        findings
            .at("ociVersion", |findings| version::check(findings, "RT-GEN-06", &self.oci_version));
        if let Some(process) = &self.process {
            findings.at("process", |findings| process::check(findings, process, target));
        }
        root::check(findings, self, target);
        mounts::check(findings, &self.mounts, target);
        if let Some(hooks) = &self.hooks {
            findings.at("hooks", |findings| hooks::check(findings, hooks));
        }
        findings.at("annotations", |findings| annotations::check(findings, &self.annotations));
        target::check(findings, self);
        if let Some(linux) = &self.linux {
            findings.at("linux", |findings| linux::check(findings, linux));
        }
        if let Some(windows) = &self.windows {
            findings.at("windows", |findings| windows::check(findings, windows));
        }
        if let Some(vm) = &self.vm {
            findings.at("vm", |findings| vm::check(findings, vm));
        }
        if let Some(zos) = &self.zos {
            findings.at("zos", |findings| zos::check(findings, zos));
        }
        if let Some(freebsd) = &self.freebsd {
            findings.at("freebsd", |findings| freebsd::check(findings, freebsd));
        }
    }
}
