use super::linux::{Namespace, NamespaceType};
use super::{IdMapping, Mount, Spec};

impl Spec {
    /// The same container for a caller without privileges, whose user and group on the host are
    /// `uid` and `gid` and become the container's root.
    ///
    /// It gets a user namespace and keeps the host's network. Host paths stand in for what needs
    /// rights: `/sys` is the host's, read-only but for the mounts below it. Limits of resources, supplementary groups and mount
    /// options that name users or groups are dropped. A caller with subordinate IDs may replace
    /// `linux.uid_mappings` and `linux.gid_mappings` afterwards.
    pub fn rootless(mut self, uid: u32, gid: u32) -> Self {
        let linux = self.linux.get_or_insert_default();
        linux.namespaces.retain(|namespace| {
            !matches!(namespace.r#type, NamespaceType::Network | NamespaceType::User)
        });
        linux.namespaces.push(Namespace::new(NamespaceType::User));
        linux.uid_mappings = vec![IdMapping::new(0, uid, 1)];
        linux.gid_mappings = vec![IdMapping::new(0, gid, 1)];
        linux.resources = None;
        if let Some(user) = self.process.as_mut().and_then(|process| process.user.as_mut()) {
            user.additional_gids.clear();
        }
        self.mounts.retain(|mount| !is_at_or_below(&mount.destination, "/sys"));
        for mount in &mut self.mounts {
            mount
                .options
                .retain(|option| !option.starts_with("uid=") && !option.starts_with("gid="));
        }
        self.mounts.push(host_sys());
        self
    }
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
