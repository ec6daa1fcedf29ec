use super::{Findings, Lint, annotations};
use crate::ExecutionConfig;
use crate::json::{Map, Value};

impl Lint for ExecutionConfig {
    fn lint_into(&self, findings: &mut Findings) {
        findings.at("ExposedPorts", |findings| {
            for port in self.exposed_ports.keys() {
                findings.at(port, |findings| exposed_port(findings, port));
            }
            empty_objects(findings, "IMG-CFG-09", &self.exposed_ports);
        });
        findings.each("Env", &self.env, |findings, variable| environment(findings, variable));
        findings.at("Volumes", |findings| empty_objects(findings, "IMG-CFG-12", &self.volumes));
        findings.at("Labels", |findings| annotations::lint(findings, &self.labels));
        if let Some(signal) = self.stop_signal.as_deref().filter(|signal| !signal.is_empty()) {
            findings.at("StopSignal", |findings| stop_signal(findings, signal));
        }
        if self.args_escaped == Some(true) {
            let message = "the member is deprecated and for Windows images of old";
            findings.at("ArgsEscaped", |findings| findings.warning("IMG-CFG-15", message));
        }
        for (member, value) in [
            ("Memory", self.memory),
            ("MemorySwap", self.memory_swap),
            ("CpuShares", self.cpu_shares),
        ] {
            if value.is_some_and(|value| value != 0) {
                let message = "the member is reserved; an image does not set limits";
                findings.at(member, |findings| findings.warning("IMG-CFG-16", message));
            }
        }
        findings.unknown(&self.unknown);
    }
}

fn exposed_port(findings: &mut Findings, text: &str) {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !number.bytes().all(|byte| byte.is_ascii_digit())
        || !number.parse().is_ok_and(|port: u16| port > 0)
    {
        findings.error("IMG-CFG-09", format!("`{text}` is not a port, like 80, 80/tcp or 80/udp"));
    } else if !["tcp", "udp"].contains(&protocol) {
        findings.warning("IMG-CFG-09", format!("the protocol of `{text}` is not tcp or udp"));
    }
}

fn environment(findings: &mut Findings, variable: &str) {
    match variable.split_once('=') {
        None => findings.error("IMG-CFG-10", format!("`{variable}` is not NAME=VALUE")),
        Some(("", _)) => findings.error("IMG-CFG-10", format!("`{variable}` has no name")),
        Some(_) => {}
    }
}

fn empty_objects(findings: &mut Findings, id: &'static str, map: &Map<Value>) {
    for (name, value) in map {
        findings.at(name, |findings| match value {
            Value::Object(members) if members.is_empty() => {}
            Value::Object(_) => findings.warning(id, "the value is not an empty object"),
            _ => findings.error(id, "the value is not an object"),
        });
    }
}

/// `SIGTERM`, `SIGRTMIN+3`. Docker takes numbers and names without `SIG` too.
fn stop_signal(findings: &mut Findings, text: &str) {
    let number = |text: &str| text.parse().is_ok_and(|number: u8| number <= 64);
    let name = text.strip_prefix("SIG");
    let right = name.is_some_and(|name| match name.split_once(['+', '-']) {
        Some(("RTMIN" | "RTMAX", offset)) => number(offset),
        Some(_) => false,
        None => is_signal_name(name),
    });
    if !right && (number(text) || is_signal_name(text)) {
        findings
            .warning("IMG-CFG-14", format!("`{text}` is not written like SIGTERM or SIGRTMIN+3"));
    } else if !right {
        findings
            .error("IMG-CFG-14", format!("`{text}` is not a signal, like SIGTERM or SIGRTMIN+3"));
    }
}

fn is_signal_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
