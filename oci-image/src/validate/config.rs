use super::platform::{Rules, lint as lint_platform};
use super::{Findings, Lint, is_date_time};
use crate::{Config, History, RootFs};

impl Lint for Config {
    fn lint_into(&self, findings: &mut Findings) {
        const RULES: Rules = Rules {
            architecture: "IMG-CFG-04",
            os: "IMG-CFG-05",
            os_features: "IMG-CFG-06",
            variant: "IMG-CFG-06",
        };
        created(findings, "IMG-CFG-03", self.created.as_deref());
        lint_platform(findings, &self.platform(), &RULES);
        if let Some(execution) = &self.config {
            findings.member("config", execution);
        }
        findings.member("rootfs", &self.rootfs);
        findings.each("history", &self.history, |findings, step| step.lint_into(findings));
        history_matches(findings, self);
        findings.unknown(&self.unknown);
    }
}

impl Lint for RootFs {
    fn lint_into(&self, findings: &mut Findings) {
        if self.r#type != "layers" {
            let message = format!("`{}` is not `layers`, the one type that there is", self.r#type);
            findings.at("type", |findings| findings.error("IMG-CFG-18", message));
        }
        findings.unknown(&self.unknown);
    }
}

impl Lint for History {
    fn lint_into(&self, findings: &mut Findings) {
        created(findings, "IMG-CFG-20", self.created.as_deref());
        findings.unknown(&self.unknown);
    }
}

fn created(findings: &mut Findings, id: &'static str, created: Option<&str>) {
    if let Some(text) = created
        && !is_date_time(text)
    {
        let message = format!("`{text}` is not a date and time by RFC 3339");
        findings.at("created", |findings| findings.error(id, message));
    }
}

/// Where there is a history, each layer has its step.
fn history_matches(findings: &mut Findings, config: &Config) {
    let steps = config.history.iter().filter(|step| step.empty_layer != Some(true)).count();
    let layers = config.rootfs.diff_ids.len();
    if !config.history.is_empty() && steps != layers {
        let message =
            format!("{steps} steps of the history have layers, and there are {layers} diff_ids");
        findings.at("history", |findings| findings.warning("IMG-CFG-19", message));
    }
}
