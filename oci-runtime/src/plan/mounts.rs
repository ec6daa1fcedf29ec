//! The entries of `mounts`.

use super::namespaces::{id_ranges, maps};
use super::options::Options;
use super::{
    Attribute, FilesystemStep, Idmap, Mount, Namespace, OpenTree, Planner, Source, Step, Tree,
};
use crate::host::Hierarchy;
use crate::spec;

/// The filesystems that programs trust: no symbolic link may lead their mounts elsewhere (CVE-2019-19921).
const PLAIN_TARGET: [&str; 2] = ["proc", "sysfs"];

impl Planner<'_> {
    /// The steps that mount the entries, in order, and those that make some of them read-only when all is made that
    /// belongs in them.
    pub(super) fn mounts(&mut self) -> (Vec<Step>, Vec<Step>) {
        let (mut steps, mut late) = (Vec::new(), Vec::new());
        let spec = self.spec;
        for (index, entry) in spec.mounts.iter().enumerate() {
            let pointer = format!("/mounts/{index}");
            for mut mount in self.mount(&pointer, entry) {
                late.extend(take_read_only(&mut mount).map(FilesystemStep::Mount));
                steps.extend(self.own_tree(&mount).map(FilesystemStep::OpenTree));
                let label = self.label_mount(&mut mount);
                steps.push(FilesystemStep::Mount(mount));
                steps.extend(label);
            }
        }
        (steps.into_iter().map(Step::from).collect(), late.into_iter().map(Step::from).collect())
    }

    /// The path of the host that is opened in the mount's turn, if it is one of these.
    fn own_tree(&mut self, mount: &Mount) -> Option<OpenTree> {
        let Source::Tree { id, .. } = &mount.source else { return None };
        let index = self.own_trees.iter().position(|tree| tree.id == *id)?;
        Some(self.own_trees.remove(index))
    }

    fn mount(&mut self, pointer: &str, entry: &spec::Mount) -> Vec<Mount> {
        let mut options = Options::parse(&entry.options);
        let Some(target) = self.mount_target(pointer, entry, &options) else { return Vec::new() };
        let kind = entry.r#type.as_deref().unwrap_or_default();
        let is_bind = options.bind || matches!(kind, "bind" | "rbind");
        options.recursive_bind |= kind == "rbind";
        if options.copy_up && (options.remount || is_bind || kind != "tmpfs") {
            let reason = "option `tmpcopyup` is for a new filesystem of type `tmpfs`";
            self.refuse(format!("{pointer}/options"), reason);
        }
        let maps = options.idmap.is_some()
            || !entry.uid_mappings.is_empty()
            || !entry.gid_mappings.is_empty();
        if maps && (options.remount || !is_bind) {
            self.refuse(pointer, "ids can be mapped on bind mounts only");
        }
        match kind {
            _ if options.remount => vec![remount(target, options)],
            _ if is_bind => self.bind(pointer, entry, target, options).into_iter().collect(),
            "" | "none" => {
                let reason = "there is neither a type nor `bind` or `remount` among the options";
                self.refuse(pointer, reason);
                Vec::new()
            }
            "cgroup" => self.cgroup_mounts(pointer, &target, options),
            "tmpfs" if options.copy_up => {
                self.check_filesystem(pointer, kind, &options);
                vec![copy(target, options)]
            }
            _ => {
                self.check_filesystem(pointer, kind, &options);
                vec![filesystem(kind, entry.source.as_deref(), target, options)]
            }
        }
    }

    fn mount_target(
        &mut self,
        pointer: &str,
        entry: &spec::Mount,
        options: &Options,
    ) -> Option<String> {
        let destination = &entry.destination;
        if destination.is_empty() || destination.contains('\0') {
            self.refuse(pointer, "the destination is empty or has a NUL in it");
            return None;
        }
        let is_root = destination.split('/').all(|part| matches!(part, "" | "." | ".."));
        if is_root && !options.remount {
            let reason = "the root filesystem cannot be mounted over";
            self.refuse(format!("{pointer}/destination"), reason);
            return None;
        }
        Some(format!("/{}", destination.trim_start_matches('/')))
    }

    /// Mounts a file or directory of the host.
    fn bind(
        &mut self,
        pointer: &str,
        entry: &spec::Mount,
        target: String,
        options: Options,
    ) -> Option<Mount> {
        let Some(source) = entry.source.as_deref().filter(|source| !source.is_empty()) else {
            self.refuse(pointer, "a bind mount needs a source");
            return None;
        };
        for word in options.data.iter().chain(options.superblock_options()) {
            self.refuse(
                format!("{pointer}/options"),
                format!("option `{word}` means nothing for a bind mount"),
            );
        }
        let path = self.directory.join(source);
        let idmap = self.idmap(pointer, entry, &options);
        let id = self.open_tree(Tree {
            source: path.clone(),
            pointer: &format!("{pointer}/source"),
            recursive: options.recursive_bind,
            idmap,
        });
        Some(Mount {
            source: Source::Tree { id, path },
            target,
            change: options.change,
            recursive_change: options.recursive_change,
            propagation: options.propagation,
        })
    }

    fn idmap(&mut self, pointer: &str, entry: &spec::Mount, options: &Options) -> Option<Idmap> {
        let explicit = !entry.uid_mappings.is_empty() || !entry.gid_mappings.is_empty();
        if options.idmap.is_none() && !explicit {
            return None;
        }
        if entry.uid_mappings.is_empty() != entry.gid_mappings.is_empty() {
            self.refuse(pointer, "uidMappings and gidMappings come together");
        }
        if !self.host.is_privileged() {
            self.refuse(pointer, "the caller may not map the ids of a mount");
        }
        let linux = self.linux();
        let (uids, gids) = if explicit {
            (&entry.uid_mappings, &entry.gid_mappings)
        } else {
            if linux.uid_mappings.is_empty() || linux.gid_mappings.is_empty() {
                self.refuse(
                    pointer,
                    "an id mapping is asked for, and neither the mount nor the container has one",
                );
                return None;
            }
            (&linux.uid_mappings, &linux.gid_mappings)
        };
        Some(Idmap {
            uids: self.ranges(&format!("{pointer}/uidMappings"), uids),
            gids: self.ranges(&format!("{pointer}/gidMappings"), gids),
            recursive: options.idmap == Some(true),
        })
    }

    /// What the kernel refuses in a user namespace, said before it does.
    fn check_filesystem(&mut self, pointer: &str, kind: &str, options: &Options) {
        if !self.has_user_namespace() && !self.host.is_in_user_namespace() {
            return;
        }
        for (filesystem, space) in [
            ("proc", Namespace::Pid),
            ("sysfs", Namespace::Network),
            ("mqueue", Namespace::Ipc),
            ("cgroup2", Namespace::Cgroup),
        ] {
            if kind == filesystem && !self.spaces().contains_key(&space) {
                let word = space.word();
                self.refuse(
                    pointer,
                    format!("in a user namespace, {kind} needs a {word} namespace of its own"),
                );
            }
        }
        self.check_ids(pointer, options);
    }

    /// Refuses options with ids that the user namespace does not have.
    fn check_ids(&mut self, pointer: &str, options: &Options) {
        let (linux, host) = (self.linux(), self.host.id_maps.clone());
        let has_own = self.has_user_namespace();
        for (key, member, mappings, host) in [
            ("uid", "uidMappings", &linux.uid_mappings, host.uids),
            ("gid", "gidMappings", &linux.gid_mappings, host.gids),
        ] {
            let ranges = if has_own { id_ranges(mappings) } else { host };
            let ids = options
                .data
                .iter()
                .filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
                .filter(|id| !ranges.is_empty() && !maps(&ranges, *id));
            let place = match has_own {
                true => format!("`{member}`"),
                false => "the caller's user namespace".into(),
            };
            for id in ids {
                let reason = format!("option `{key}={id}`: the id is not in {place}");
                self.refuse(format!("{pointer}/options"), reason);
            }
        }
    }

    /// The cgroup hierarchies, as the host mounts them.
    fn cgroup_mounts(&mut self, pointer: &str, target: &str, options: Options) -> Vec<Mount> {
        let own_space = self.is_new(Namespace::Cgroup);
        let hierarchies = self.host.cgroups.hierarchies.clone();
        if hierarchies.is_empty() {
            self.refuse(pointer, "no cgroup hierarchy is mounted on the host");
            return Vec::new();
        }
        let may_bind = self.host.is_privileged() && self.own_cgroup().is_some();
        if !own_space && self.has_user_namespace() && !may_bind {
            self.refuse(
                pointer,
                "in a user namespace, mounting cgroups needs a cgroup namespace of the container's own",
            );
        }
        if let [only] = hierarchies.as_slice()
            && only.controllers.is_empty()
            && own_space
        {
            return vec![filesystem("cgroup2", Some("cgroup"), target.into(), options)];
        }
        for word in options.data.iter().chain(options.superblock_options()) {
            let reason = format!("option `{word}` means nothing for the cgroups of the host");
            self.refuse(format!("{pointer}/options"), reason);
        }
        if !own_space {
            return self.cgroup_binds(pointer, target, &options);
        }
        let mounts =
            hierarchies.iter().map(|hierarchy| hierarchy_mount(target, hierarchy, &options));
        let mut mounts: Vec<_> = [hierarchies_mount(target)].into_iter().chain(mounts).collect();
        mounts.push(set_attributes(target, &options));
        mounts
    }

    /// The path of the cgroup that is all that the container sees of the host's where they are bind mounted: of several
    /// hierarchies. None: the whole of them.
    fn own_cgroup(&self) -> Option<String> {
        self.cgroup_path().filter(|_| self.host.cgroups.hierarchies.len() > 1)
    }

    /// Without a namespace the host's own mounts are bind mounted, read-only unless the container may make groups.
    fn cgroup_binds(&mut self, pointer: &str, target: &str, options: &Options) -> Vec<Mount> {
        let hierarchies = self.host.cgroups.hierarchies.clone();
        let single = hierarchies.len() == 1;
        let own = self.own_cgroup();
        let mut mounts = if single { Vec::new() } else { vec![hierarchies_mount(target)] };
        for hierarchy in &hierarchies {
            let path = own
                .as_ref()
                .map_or_else(|| hierarchy.mount.clone(), |own| hierarchy.directory(own));
            let source = path.clone();
            let id = self.open_tree(Tree { source, pointer, recursive: false, idmap: None });
            let below = || format!("{target}/{}", hierarchy.name());
            mounts.push(Mount {
                source: Source::Tree { id, path },
                target: if single { target.into() } else { below() },
                change: options.change.clone(),
                recursive_change: options.recursive_change.clone(),
                propagation: options.propagation,
            });
        }
        if !single {
            mounts.push(set_attributes(target, options));
        }
        mounts
    }
}

/// Takes `ro` from a filesystem in memory, where mount points, devices and links are still to be made, and gives it back
/// as a mount of its own.
fn take_read_only(mount: &mut Mount) -> Option<Mount> {
    let in_memory = match &mount.source {
        Source::Filesystem { kind, .. } => kind == "tmpfs",
        Source::Copy { .. } => true,
        Source::Tree { .. } | Source::Remount { .. } => false,
    };
    if !in_memory || !mount.change.set.contains(&Attribute::Ro) {
        return None;
    }
    mount.change.set.retain(|attribute| *attribute != Attribute::Ro);
    let mut options = Options::default();
    options.change.set.push(Attribute::Ro);
    Some(remount(mount.target.clone(), options))
}

/// A tmpfs with the mount points of the hierarchies.
fn hierarchies_mount(target: &str) -> Mount {
    let options = Options {
        data: vec!["mode=755".into()],
        change: super::Change {
            set: vec![Attribute::NoSuid, Attribute::NoDev, Attribute::NoExec],
            clear: Vec::new(),
        },
        ..Options::default()
    };
    filesystem("tmpfs", Some("tmpfs"), target.into(), options)
}

/// A hierarchy, as a new cgroup namespace shows it.
fn hierarchy_mount(target: &str, hierarchy: &Hierarchy, options: &Options) -> Mount {
    let mut options = options.clone();
    let kind = if hierarchy.controllers.is_empty() { "cgroup2" } else { "cgroup" };
    options.data = hierarchy.controllers.clone();
    if hierarchy.controllers.iter().any(|controller| controller.starts_with("name=")) {
        options.data.insert(0, "none".into());
    }
    filesystem(kind, Some("cgroup"), format!("{target}/{}", hierarchy.name()), options)
}

/// Gives that tmpfs the attributes asked for, now that the mount points are made.
fn set_attributes(target: &str, options: &Options) -> Mount {
    let mut options = options.clone();
    options.data.clear();
    options.superblock.clear();
    remount(target.into(), options)
}

fn remount(target: String, options: Options) -> Mount {
    let words: Vec<String> = options.superblock.into_iter().chain(options.data).collect();
    // With `bind`, or without words for it, the filesystem itself stays as it is.
    let superblock = !options.bind && !words.is_empty();
    Mount {
        source: Source::Remount { superblock, options: words },
        target,
        change: options.change,
        recursive_change: options.recursive_change,
        propagation: options.propagation,
    }
}

/// A filesystem in memory with a copy of what it covers.
fn copy(target: String, options: Options) -> Mount {
    let words = options.superblock_options().cloned().collect::<Vec<_>>();
    Mount {
        source: Source::Copy { options: words.into_iter().chain(options.data).collect() },
        target,
        change: options.change,
        recursive_change: options.recursive_change,
        propagation: options.propagation,
    }
}

fn filesystem(kind: &str, source: Option<&str>, target: String, options: Options) -> Mount {
    let mut words: Vec<String> = options.superblock_options().cloned().collect();
    // A device is opened read-only too; a filesystem in memory must stay writable until it is filled.
    if options.change.set.contains(&Attribute::Ro)
        && source.is_some_and(|source| source.starts_with('/'))
    {
        words.push("ro".into());
    }
    words.extend(options.data);
    Mount {
        source: Source::Filesystem {
            kind: kind.into(),
            source: source.filter(|source| !source.is_empty()).map(String::from),
            options: words,
            plain_target: PLAIN_TARGET.contains(&kind),
        },
        target,
        change: options.change,
        recursive_change: options.recursive_change,
        propagation: options.propagation,
    }
}
