use oci_image::validate::Findings;

use super::place::listed;
use crate::spec::Windows;
use crate::spec::windows::Network;

pub(super) fn check(findings: &mut Findings, windows: &Windows) {
    if windows.layer_folders.is_empty() {
        let message = "at least one layer is required";
        findings.at("layerFolders", |findings| findings.error("RT-WIN-01", message));
    }
    findings.each("devices", &windows.devices, |findings, device| {
        findings.at("idType", |findings| {
            listed!(findings, error, "RT-WIN-02", device.id_type);
        });
    });
    let cpu = windows.resources.as_ref().and_then(|resources| resources.cpu.as_ref());
    if let Some(cpu) = cpu {
        for (name, value) in [("shares", cpu.shares), ("maximum", cpu.maximum)] {
            if let Some(value) = value.filter(|&value| value > 10_000) {
                let message = format!("`{value}` is not from 0 to 10000");
                let at = |f: &mut Findings| f.at(name, |f| f.error("RT-WIN-03", message));
                findings.at("resources", |f| f.at("cpu", at));
            }
        }
    }
    if windows.network.as_ref().is_some_and(is_mixed) {
        let message = "`networkNamespace` should stand alone";
        findings.at("network", |findings| findings.warning("RT-WIN-04", message));
    }
}

fn is_mixed(network: &Network) -> bool {
    let others = !network.endpoint_list.is_empty()
        || !network.dns_search_list.is_empty()
        || network.allow_unqualified_dns_query.is_some()
        || network.network_shared_container_name.is_some();
    others && network.network_namespace.is_some()
}
