use oci_image::validate::Findings;

use super::place::listed;
use crate::spec::FreeBsd;
use crate::spec::freebsd::{Jail, Sharing};

pub(super) fn check(findings: &mut Findings, freebsd: &FreeBsd) {
    findings.each("devices", &freebsd.devices, |findings, device| {
        if device.path.is_empty() || device.path.starts_with('/') {
            let message = format!("`{}` is not a path below /dev", device.path);
            findings.at("path", |findings| findings.error("RT-BSD-02", message));
        }
    });
    if let Some(parameters) = &freebsd.jail {
        findings.at("jail", |findings| jail(findings, parameters));
    }
}

fn jail(findings: &mut Findings, jail: &Jail) {
    for (name, sharing) in [
        ("host", &jail.host),
        ("ip4", &jail.ip4),
        ("ip6", &jail.ip6),
        ("vnet", &jail.vnet),
        ("sysvmsg", &jail.sysvmsg),
        ("sysvsem", &jail.sysvsem),
        ("sysvshm", &jail.sysvshm),
    ] {
        let Some(sharing) = sharing else { continue };
        findings.at(name, |findings| {
            listed!(findings, error, "RT-BSD-03", sharing);
            if *sharing == Sharing::Disable && matches!(name, "host" | "vnet") {
                findings.error("RT-BSD-03", "only `new` and `inherit` are possible here");
            }
        });
    }
    if let Some(visible) = jail.enforce_statfs.filter(|visible| !(0..=2).contains(visible)) {
        let message = format!("`{visible}` is not from 0 to 2");
        findings.at("enforceStatfs", |findings| findings.error("RT-BSD-03", message));
    }
}
