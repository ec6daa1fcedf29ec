//! Kernel parameters, written through a procfs of the container's namespaces that is mounted nowhere.
//!
//! The container's own `/proc` may be covered, or be a link to other files (CVE-2025-52881).

use oci_rootfs::Root;
use rustix::fs::OFlags;

use super::Init;
use super::error::{Context, StepError};
use super::{filesystem, paths};
use crate::plan::swap_dots;

/// Sets a kernel parameter, with dots between its words.
pub(crate) fn sysctl(init: &mut Init, key: &str, value: &str) -> Result<(), StepError> {
    let proc = match init.proc.take() {
        Some(proc) => proc,
        None => filesystem::create("proc", Some("proc"), &[])
            .and_then(|proc| Ok(Root::from_fd(proc, "/proc")?))
            .context(|| "make a procfs".into())?,
    };
    let file = paths::open_plain(&proc, &path(key), OFlags::WRONLY);
    init.proc = Some(proc);
    let file = file.context(|| format!("open kernel parameter `{key}`"))?;
    // In one write: the kernel reads a value from each.
    rustix::io::write(&file, value.as_bytes())?;
    Ok(())
}

/// The file of a kernel parameter, in a procfs.
fn path(key: &str) -> String {
    format!("sys/{}", swap_dots(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_of_an_interface_is_one_of_its_directory() {
        let found = path("net.ipv4.conf.eth0/100.forwarding");
        assert_eq!(found, "sys/net/ipv4/conf/eth0.100/forwarding");
    }
}
