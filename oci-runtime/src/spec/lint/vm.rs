use oci_image::validate::Findings;

use super::place::{absolute, listed};
use super::target::Target;
use crate::spec::Vm;

pub(super) fn check(findings: &mut Findings, vm: &Vm) {
    if let Some(hypervisor) = &vm.hypervisor {
        path(findings, &["hypervisor", "path"], Some(&hypervisor.path));
    }
    path(findings, &["kernel", "path"], Some(&vm.kernel.path));
    path(findings, &["kernel", "initrd"], vm.kernel.initrd.as_ref());
    if let Some(image) = &vm.image {
        path(findings, &["image", "path"], Some(&image.path));
        findings.at("image", |findings| {
            findings.at("format", |findings| {
                listed!(findings, error, "RT-VM-01", image.format);
            });
        });
    }
    if vm.hwconfig.is_some() {
        let message = "the spec's name of this member is `hwConfig`";
        findings.at("hwconfig", |findings| findings.warning("RT-VM-02", message));
    }
}

fn path(findings: &mut Findings, steps: &[&str; 2], path: Option<&String>) {
    let [outer, inner] = steps;
    if let Some(path) = path {
        let check = |f: &mut Findings| absolute(f, "RT-VM-01", path, Target::Unknown);
        findings.at(outer, |findings| findings.at(inner, check));
    }
}
