use super::{Findings, is_date_time};
use crate::annotations as keys;
use crate::json::Map;
use crate::{Digest, Reference};

/// The rules that annotations and labels share.
pub(super) fn lint(findings: &mut Findings, annotations: &Map<String>) {
    for (key, value) in annotations {
        findings.at(key, |findings| {
            lint_key(findings, key);
            lint_value(findings, key, value);
        });
    }
}

/// `ref.name` has a meaning in the entries of an index alone.
pub(super) fn lint_no_name(findings: &mut Findings, annotations: &Map<String>) {
    if annotations.contains_key(keys::REF_NAME) {
        findings.at(keys::REF_NAME, |findings| {
            findings.warning("IMG-ANN-08", "the name counts only in the entries of an index.json");
        });
    }
}

fn lint_key(findings: &mut Findings, key: &str) {
    let parts = || key.split('.');
    if keys::is_reserved(key) && !keys::DEFINED.contains(&key) {
        findings
            .error("IMG-ANN-04", format!("`{key}` is in OCI's namespace and no spec defines it"));
    } else if parts().count() < 2 || parts().any(str::is_empty) {
        findings.warning("IMG-ANN-03", format!("`{key}` is not named by a reversed domain"));
    }
}

fn lint_value(findings: &mut Findings, key: &str, value: &str) {
    match key {
        keys::CREATED if !is_date_time(value) => {
            findings.error("IMG-ANN-07", format!("`{value}` is not a date and time by RFC 3339"));
        }
        keys::LICENSES if !is_licence(value) => {
            findings.warning("IMG-ANN-07", format!("`{value}` is not an SPDX licence expression"));
        }
        keys::REF_NAME if !is_ref_name(value) => {
            findings.warning("IMG-ANN-08", format!("`{value}` does not follow the rule for names"));
        }
        keys::BASE_DIGEST if value.parse::<Digest>().is_err() => {
            findings.warning("IMG-ANN-09", format!("`{value}` is not a digest"));
        }
        keys::BASE_NAME if !is_full_name(value) => {
            findings
                .warning("IMG-ANN-09", format!("`{value}` is not a full name with its registry"));
        }
        _ => {}
    }
}

/// Whether `text` has only the characters of licence expressions, and at least one name.
fn is_licence(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-:() ".contains(&byte))
}

/// Letters and digits in runs, between them one of `-._:@+`, a slash, or two hyphens.
fn is_ref_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut ends = [bytes.first(), bytes.last()].into_iter().flatten();
    !bytes.is_empty()
        && ends.all(u8::is_ascii_alphanumeric)
        && bytes.split(u8::is_ascii_alphanumeric).all(|separator| {
            matches!(separator, [] | b"--" | [b'-' | b'.' | b'_' | b':' | b'@' | b'+' | b'/'])
        })
}

fn is_full_name(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or_default();
    text.contains('/')
        && (host.contains(['.', ':']) || host == "localhost")
        && text.parse::<Reference>().is_ok()
}
