use oci_image::json::Members;
use oci_image::validate::{Findings, Lint};

use super::annotations;
use super::version::{self, Version};
use crate::spec::features::{Linux, Seccomp};
use crate::spec::{Features, Hooks, Spec};

impl Lint for Features {
    fn lint_into(&self, findings: &mut Findings) {
        versions(findings, self);
        for hook in self.hooks.iter().flatten().filter(|hook| !Hooks::MEMBERS.contains(&&***hook)) {
            let message = format!("`{hook}` is not a hook of the spec");
            findings.at("hooks", |findings| findings.warning("RT-FEAT-05", message));
        }
        if let Some(all) = &self.annotations {
            findings.at("annotations", |f| annotations::keys(f, "RT-FEAT-07", all));
        }
        if self.potentially_unsafe_config_annotations.iter().flatten().any(String::is_empty) {
            let member = "potentiallyUnsafeConfigAnnotations";
            findings.at(member, |f| f.error("RT-FEAT-08", "key is empty"));
        }
        let Some(seccomp) = self.linux.as_ref().and_then(|linux| linux.seccomp.as_ref()) else {
            return;
        };
        findings.at("linux", |f| f.at("seccomp", |f| flags(f, seccomp)));
    }
}

fn versions(findings: &mut Findings, features: &Features) {
    let (least, most) = (&features.oci_version_min, &features.oci_version_max);
    findings.at("ociVersionMin", |f| version::check(f, "RT-FEAT-03", least));
    findings.at("ociVersionMax", |f| version::check(f, "RT-FEAT-03", most));
    let (Some(min), Some(max)) = (Version::parse(least), Version::parse(most)) else { return };
    if max < min {
        let message = format!("`{most}` is before `ociVersionMin`, `{least}`");
        findings.at("ociVersionMax", |findings| findings.error("RT-FEAT-03", message));
    }
    let known = Version::parse(Spec::VERSION).is_some_and(|known| max <= known);
    if known {
        unknown(findings, most, &features.unknown, Features::MEMBERS);
        if let Some(linux) = &features.linux {
            findings.at("linux", |f| unknown(f, most, &linux.unknown, Linux::MEMBERS));
        }
    }
}

fn unknown(findings: &mut Findings, version: &str, members: &Members, known: &[&str]) {
    let names = members.iter().map(|(name, _)| name);
    for name in names.filter(|name| !known.contains(&name.as_str())) {
        let message = format!("the spec has no such member in version {version}");
        findings.at(name, |findings| findings.warning("RT-FEAT-04", message));
    }
}

fn flags(findings: &mut Findings, seccomp: &Seccomp) {
    let (Some(known), Some(supported)) = (&seccomp.known_flags, &seccomp.supported_flags) else {
        return;
    };
    for flag in supported.iter().filter(|flag| !known.contains(flag)) {
        let message = format!("`{flag}` is supported but not known");
        findings.at("supportedFlags", |findings| findings.error("RT-FEAT-11", message));
    }
}
