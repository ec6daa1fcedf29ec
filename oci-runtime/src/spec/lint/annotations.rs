use oci_image::json::Map;

use oci_image::annotations::{self, DEFINED};
use oci_image::validate::Findings;

/// The annotations of a configuration.
pub(super) fn check(findings: &mut Findings, all: &Map<String>) {
    keys(findings, "RT-ANN-01", all);
    for (key, value) in all.iter().filter(|(key, _)| !key.is_empty()) {
        findings.at(key, |findings| {
            if !key.contains('.') {
                findings.warning("RT-ANN-02", "keys should be in reverse domain notation");
            }
            if annotations::is_reserved(key) {
                reserved(findings, key, value);
            }
        });
    }
}

/// Reports an empty key.
pub(super) fn keys(findings: &mut Findings, id: &'static str, all: &Map<String>) {
    if all.contains_key("") {
        findings.at("", |findings| findings.error(id, "key is empty"));
    }
}

/// Keys of OCI: those that a spec defines, with values that an image config may have.
fn reserved(findings: &mut Findings, key: &str, value: &str) {
    if !DEFINED.contains(&key) {
        return findings.error("RT-ANN-03", "keys of `org.opencontainers` are for specs of OCI");
    }
    let valid = match key {
        annotations::OS | annotations::ARCHITECTURE => !value.is_empty(),
        annotations::OS_FEATURES => value.split(',').all(|feature| !feature.is_empty()),
        annotations::STOP_SIGNAL => is_signal(value),
        annotations::CREATED => is_time(value),
        _ => true,
    };
    if !valid {
        findings.error("RT-ANN-03", format!("`{value}` is not what an image config may say here"));
    }
}

/// `SIGNAME`, `SIGNAME+3` or a number.
fn is_signal(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(name) = text.strip_prefix("SIG") else { return number(text) };
    let (name, offset) = name.split_once(['+', '-']).unwrap_or((name, "0"));
    let letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    !name.is_empty() && name.bytes().all(letter) && number(offset)
}

/// A time by RFC 3339, as far as its form goes.
fn is_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(11) else { return false };
    let Some((time, zone)) = rest.split_at_checked(8) else { return false };
    let fraction = zone
        .strip_prefix('.')
        .map_or(zone, |digits| digits.trim_start_matches(|c: char| c.is_ascii_digit()));
    let had_digits = !zone.starts_with('.') || fraction.len() + 1 < zone.len();
    let zoned =
        matches!(fraction, "Z" | "z") || shape(fraction, "+00:00") || shape(fraction, "-00:00");
    (shape(date, "0000-00-00T") || shape(date, "0000-00-00t"))
        && shape(time, "00:00:00")
        && had_digits
        && zoned
}

/// Whether digits stand where the pattern has `0`, and its own characters elsewhere.
fn shape(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}
