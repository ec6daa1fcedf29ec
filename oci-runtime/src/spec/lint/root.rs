use oci_image::validate::Findings;

use super::place::no_nul;
use super::target::Target;
use crate::spec::{Root, Spec};

pub(super) fn check(findings: &mut Findings, spec: &Spec, target: Target) {
    let windows = spec.windows.as_ref();
    let hyperv = windows.is_some_and(|windows| windows.hyperv.is_some());
    match &spec.root {
        None if !hyperv => findings.error("RT-BUNDLE-03", "member `root` is required"),
        None => {}
        Some(root) => findings.at("root", |findings| match target {
            _ if hyperv => {
                findings.error("RT-BUNDLE-03", "a Hyper-V container must not have a root");
            }
            Target::Windows => windows_root(findings, root),
            _ => posix_root(findings, root),
        }),
    }
}

fn windows_root(findings: &mut Findings, root: &Root) {
    if !is_volume(&root.path) {
        let message = format!("`{}` is not a volume GUID path", root.path);
        findings.at("path", |findings| findings.error("RT-BUNDLE-05", message));
    }
    if root.readonly == Some(true) {
        let message = "a root on Windows cannot be read-only";
        findings.at("readonly", |findings| findings.error("RT-BUNDLE-05", message));
    }
}

fn posix_root(findings: &mut Findings, root: &Root) {
    findings.at("path", |findings| {
        let path = root.path.as_str();
        if path.is_empty() {
            findings.error("RT-BUNDLE-04", "path is empty");
        } else if no_nul(findings, "RT-BUNDLE-04", path)
            && !is_volume(path)
            && path.trim_end_matches('/').rsplit('/').next() != Some("rootfs")
        {
            findings.warning("RT-BUNDLE-04", "the usual name of the root is `rootfs`");
        }
    });
}

/// `\\?\Volume{GUID}\`
fn is_volume(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(r"\\?\Volume{") else { return false };
    let Some(guid) = rest.strip_suffix('\\').unwrap_or(rest).strip_suffix('}') else {
        return false;
    };
    let groups: Vec<_> = guid.split('-').collect();
    let hex = |text: &&str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex)
}
