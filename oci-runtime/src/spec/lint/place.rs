use oci_image::validate::Findings;

use super::target::Target;

/// Reports a path that is empty, holds NUL or is not absolute as `target` has it.
pub(super) fn absolute(findings: &mut Findings, id: &'static str, path: &str, target: Target) {
    if no_nul(findings, id, path) && !is_absolute(path, target) {
        findings.error(id, format!("`{path}` is not an absolute path"));
    }
}

/// Reports a text that holds NUL, which no system call can take.
pub(super) fn no_nul(findings: &mut Findings, id: &'static str, text: &str) -> bool {
    let has = text.contains('\0');
    if has {
        findings.error(id, format!("`{}` holds a NUL character", text.escape_default()));
    }
    !has
}

pub(super) fn is_absolute(path: &str, target: Target) -> bool {
    match target {
        Target::Linux | Target::OtherPosix => path.starts_with('/'),
        Target::Windows => is_windows_absolute(path),
        Target::Unknown => path.starts_with('/') || is_windows_absolute(path),
    }
}

/// `C:\…`, `C:/…`, `\\…`, or `\…` on the current drive of a container, which has but one.
pub(super) fn is_windows_absolute(path: &str) -> bool {
    let separator = |byte| matches!(byte, b'\\' | b'/');
    match path.as_bytes() {
        [drive, b':', third, ..] => drive.is_ascii_alphabetic() && separator(*third),
        [first, ..] => separator(*first),
        [] => false,
    }
}

/// Reports a text that is not a list of numbers like `0-3,7`.
pub(super) fn number_list(findings: &mut Findings, id: &'static str, text: &str) {
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, ',' | '-' | ' ');
    if !text.chars().all(allowed) {
        findings.error(id, format!("`{text}` is not a list of numbers like `0-3,7`"));
    }
}

/// Reports a word that the spec does not list.
macro_rules! listed {
    ($findings:ident, $level:ident, $id:literal, $value:expr) => {
        if !$value.is_listed() {
            $findings.$level($id, format!("`{}` is not a value that the spec lists", $value));
        }
    };
}
pub(super) use listed;
