use std::collections::BTreeSet;

use oci_image::validate::Findings;

use super::place::{absolute, listed};
use super::target::Target;
use crate::spec::Zos;

pub(super) fn check(findings: &mut Findings, zos: &Zos) {
    let mut seen = BTreeSet::new();
    findings.each("namespaces", &zos.namespaces, |findings, namespace| {
        findings.at("type", |findings| {
            listed!(findings, error, "RT-ZOS-01", namespace.r#type);
        });
        if !seen.insert(namespace.r#type.clone()) {
            let message = format!("namespace `{}` is there twice", namespace.r#type);
            findings.error("RT-ZOS-01", message);
        }
        if let Some(path) = &namespace.path {
            findings.at("path", |f| absolute(f, "RT-ZOS-01", path, Target::OtherPosix));
        }
    });
}
