use super::linux::{Namespace, NamespaceType, Resources};
use super::{IdMapping, Mount, Spec};
use crate::Refusal;

/// A specification for a caller without privileges, and what it lost.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct Rootless {
    /// The specification.
    pub spec: Spec,
    /// What was dropped because a plan would refuse it to such a caller; the pointers are of the specification before.
    pub dropped: Vec<Refusal>,
}

impl Spec {
    /// The same container for a caller without privileges, whose user and group on the host are `uid` and `gid` and
    /// become the container's root.
    ///
    /// It gets a user namespace and keeps the host's network. Host paths stand in for what needs rights: `/sys` is the
    /// host's, read-only but for the mounts below it. Dropped, and named in [`Rootless::dropped`], are limits of
    /// resources, rules for devices, additional groups and mount options that name users or groups. A caller with
    /// subordinate IDs may replace `linux.uid_mappings` and `linux.gid_mappings` afterwards.
    ///
    /// ```
    /// use oci_runtime::Spec;
    ///
    /// let rootless = Spec::linux_default().rootless(1000, 1000);
    /// let dropped: Vec<&str> = rootless.dropped.iter().map(|dropped| dropped.pointer()).collect();
    /// assert_eq!(dropped, ["/linux/resources/devices", "/mounts/2/options"]);
    /// ```
    pub fn rootless(mut self, uid: u32, gid: u32) -> Rootless {
        let mut dropped = Vec::new();
        let linux = self.linux.get_or_insert_default();
        linux.namespaces.retain(|namespace| {
            !matches!(namespace.r#type, NamespaceType::Network | NamespaceType::User)
        });
        linux.namespaces.push(Namespace::new(NamespaceType::User));
        linux.uid_mappings = vec![IdMapping::new(0, uid, 1)];
        linux.gid_mappings = vec![IdMapping::new(0, gid, 1)];
        dropped.extend(linux.resources.take().iter().flat_map(without_cgroup));
        if let Some(user) = self.process.as_mut().and_then(|process| process.user.as_mut())
            && !std::mem::take(&mut user.additional_gids).is_empty()
        {
            let reason =
                "the kernel sets additional groups only where newgidmap or root made the mapping";
            dropped.push(Refusal::new("/process/user/additionalGids", reason));
        }
        for (index, mount) in self.mounts.iter_mut().enumerate() {
            drop_id_options(mount, &format!("/mounts/{index}/options"), &mut dropped);
        }
        self.mounts.retain(|mount| !is_at_or_below(&mount.destination, "/sys"));
        self.mounts.push(host_sys());
        Rootless { spec: self, dropped }
    }
}

/// Each member, whichever the specification has.
fn without_cgroup(resources: &Resources) -> Vec<Refusal> {
    let members = match serde_json::to_value(resources) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let refusal = |member: &String| {
        let pointer = format!("/linux/resources/{member}");
        Refusal::new(pointer, "it needs a cgroup, and a caller without privileges cannot make one")
    };
    members.keys().map(refusal).collect()
}

/// The ids of the options are not mapped, and the kernel refuses such.
fn drop_id_options(mount: &mut Mount, pointer: &str, dropped: &mut Vec<Refusal>) {
    mount.options.retain(|option| {
        let names_id = option.starts_with("uid=") || option.starts_with("gid=");
        if names_id {
            let reason = format!("option `{option}` names an ID that is not mapped");
            dropped.push(Refusal::new(pointer, reason));
        }
        !names_id
    });
}

fn is_at_or_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn host_sys() -> Mount {
    let mut mount = Mount::new("/sys".into());
    mount.r#type = Some("none".into());
    mount.source = Some("/sys".into());
    mount.options = ["rbind", "nosuid", "noexec", "nodev", "ro"].map(String::from).to_vec();
    mount
}
