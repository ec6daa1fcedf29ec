use super::{Findings, Lint};

use crate::{Architecture, Os, Platform};

/// The ids of the rules, which stand in the index and in the config alike.
pub(super) struct Rules {
    pub(super) architecture: &'static str,
    pub(super) os: &'static str,
    pub(super) os_features: &'static str,
    pub(super) variant: &'static str,
}

impl Lint for Platform {
    fn lint_into(&self, findings: &mut Findings) {
        const RULES: Rules = Rules {
            architecture: "IMG-IDX-09",
            os: "IMG-IDX-10",
            os_features: "IMG-IDX-12",
            variant: "IMG-IDX-13",
        };
        lint(findings, self, &RULES);
        if !self.features.is_empty() {
            let message = "the member is reserved for later versions of the spec";
            findings.at("features", |findings| findings.warning("IMG-IDX-14", message));
        }
        findings.unknown(&self.unknown);
    }
}

pub(super) fn lint(findings: &mut Findings, platform: &Platform, rules: &Rules) {
    let (architecture, os) = (&platform.architecture, &platform.os);
    if !architecture.is_listed() {
        let message = format!("`{architecture}` is not an architecture by Go's names");
        findings.at("architecture", |findings| findings.warning(rules.architecture, message));
    }
    if !os.is_listed() {
        let message = format!("`{os}` is not an operating system by Go's names");
        findings.at("os", |findings| findings.warning(rules.os, message));
    }
    if *os == Os::Windows {
        findings.each("os.features", &platform.os_features, |findings, feature| {
            if feature != "win32k" {
                let message = format!("`{feature}` is not a feature that the spec names");
                findings.warning(rules.os_features, message);
            }
        });
    }
    let listed: &[&str] = match architecture {
        Architecture::Arm => &["v6", "v7", "v8"],
        Architecture::Arm64 => &["v8"],
        _ => return,
    };
    if let Some(variant) = platform.variant.as_deref()
        && !variant.is_empty()
        && !listed.contains(&variant)
    {
        let message = format!("`{variant}` is not in the spec's table of variants");
        findings.at("variant", |findings| findings.warning(rules.variant, message));
    }
}
