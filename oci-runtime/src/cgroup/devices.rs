//! Which devices the processes of a group may use.

use super::{Cgroup, CgroupError, write};
use crate::plan::DeviceRule;

/// Puts the rules in force, in order.
pub(super) fn apply(cgroup: &Cgroup, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    if rules.is_empty() {
        return Ok(());
    }
    let old =
        cgroup.groups.iter().find(|group| group.controllers.iter().any(|name| name == "devices"));
    let Some(group) = old else {
        let unsupported = std::io::Error::from(std::io::ErrorKind::Unsupported);
        return Err(CgroupError::new("restrict devices in", "the unified hierarchy", unsupported));
    };
    for rule in rules {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        write(&group.directory.join(file), &line(rule))?;
    }
    Ok(())
}

/// A rule as the kernel reads it.
fn line(rule: &DeviceRule) -> String {
    let number =
        |number: Option<u32>| number.map_or_else(|| "*".into(), |number| number.to_string());
    format!("{} {}:{} {}", rule.kind, number(rule.major), number(rule.minor), rule.access)
}
