//! Namespaces: which are new, which are joined, and the ids of a user namespace.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    Clock, MapIds, Namespace, NamespaceStep, Planner, ProcessStep, RuntimeStep, Step, TimeOffset,
};
use crate::host::IdRange;
use crate::spec::linux::NamespaceType;
use crate::spec::{Capability, IdMapping};

/// Lines of a mapping that the kernel takes.
const MAX_LINES: usize = 340;

impl Planner<'_> {
    /// The namespaces of the specification: the path to join, or none for a new one.
    pub(super) fn spaces(&self) -> BTreeMap<Namespace, Option<PathBuf>> {
        self.linux()
            .namespaces
            .iter()
            .filter_map(|space| {
                Some((
                    kind(&space.r#type)?,
                    space.path.as_deref().filter(|path| !path.is_empty()).map(PathBuf::from),
                ))
            })
            .collect()
    }

    /// Whether a namespace of this kind is made.
    pub(super) fn is_new(&self, kind: Namespace) -> bool {
        self.spaces().get(&kind).is_some_and(Option::is_none)
    }

    /// Whether the container is in another user namespace than the caller.
    pub(super) fn has_user_namespace(&self) -> bool {
        self.spaces().contains_key(&Namespace::User)
    }

    /// Adds the steps up to the process in its namespaces.
    pub(super) fn namespaces(&mut self) {
        self.check_namespaces();
        let spaces = self.spaces();
        let joined: Vec<Step> = spaces
            .iter()
            .filter(|(kind, _)| **kind != Namespace::User)
            .filter_map(|(kind, path)| Some(self.join(*kind, path.clone()?).into()))
            .collect();
        if self.host.is_privileged() {
            self.steps.extend(joined);
            self.user_namespace(spaces.get(&Namespace::User));
        } else {
            self.user_namespace(spaces.get(&Namespace::User));
            self.steps.extend(joined);
        }
        self.time_namespace();
        let cloned =
            spaces.iter().filter(|(_, path)| path.is_none()).map(|(kind, _)| *kind).filter(
                |kind| !matches!(kind, Namespace::User | Namespace::Cgroup | Namespace::Time),
            );
        self.steps.push(NamespaceStep::Clone(cloned.collect()).into());
        self.enter_cgroup();
        if self.is_new(Namespace::Cgroup) {
            self.steps.push(NamespaceStep::NewCgroup.into());
        }
        self.steps.push(ProcessStep::Session.into());
        self.names();
        if self.is_new(Namespace::Network) {
            self.steps.push(NamespaceStep::Loopback.into());
        }
    }

    fn check_namespaces(&mut self) {
        let linux = self.linux();
        let mut seen = Vec::new();
        for (index, space) in linux.namespaces.iter().enumerate() {
            let pointer = format!("/linux/namespaces/{index}");
            let Some(kind) = kind(&space.r#type) else {
                self.refuse(
                    pointer,
                    format!("`{}` is not a kind of namespace", space.r#type.as_str()),
                );
                continue;
            };
            if seen.contains(&kind) {
                self.refuse(&pointer, format!("the kind `{}` is listed twice", kind.word()));
            }
            seen.push(kind);
            if !self.host.namespaces.iter().any(|name| name == kind.file()) {
                self.refuse(&pointer, format!("the kernel has no {} namespaces", kind.word()));
            }
            if let Some(path) = space.path.as_deref().filter(|path| !path.is_empty()) {
                self.require_absolute(&format!("{pointer}/path"), path);
            }
        }
        match self.spaces().get(&Namespace::Mount) {
            None => self.refuse(
                "/linux/namespaces",
                "there is no mount namespace: mounts would change the host's",
            ),
            Some(Some(_)) => {
                self.refuse("/linux/namespaces", "joining a mount namespace is not supported")
            }
            Some(None) => {}
        }
        if !self.has_user_namespace() && !self.host.is_privileged() {
            let uid = self.host.uid;
            let reason = format!(
                "user {uid} may mount only in a user namespace, and there is none: `Spec::rootless` adds it"
            );
            self.refuse("/linux/namespaces", reason);
        }
    }

    fn join(&self, kind: Namespace, path: PathBuf) -> NamespaceStep {
        let is_set = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
        let is_named = is_set(&self.spec.hostname) || is_set(&self.spec.domainname);
        let is_changed = (kind == Namespace::Uts && is_named) || self.has_sysctls_of(kind);
        NamespaceStep::Join { kind, path, is_changed }
    }

    /// Joins the user namespace at a path or makes one, if the container has one.
    fn user_namespace(&mut self, space: Option<&Option<PathBuf>>) {
        match space {
            Some(Some(path)) => {
                self.steps.push(self.join(Namespace::User, path.clone()).into());
                self.steps.push(NamespaceStep::BecomeRoot.into());
            }
            Some(None) => self.new_user_namespace(),
            None => {}
        }
    }

    fn new_user_namespace(&mut self) {
        if let Some(reason) = self.host.no_user_namespaces.clone() {
            self.refuse(
                "/linux/namespaces",
                format!("the caller can make no user namespace: {reason}"),
            );
        }
        let linux = self.linux();
        let uids = self.ranges("/linux/uidMappings", &linux.uid_mappings);
        let gids = self.ranges("/linux/gidMappings", &linux.gid_mappings);
        self.steps.push(NamespaceStep::NewUser.into());
        let ids = self.map_ids(uids, gids);
        let has_root = maps(&ids.uids, 0) && maps(&ids.gids, 0);
        self.steps.push(RuntimeStep::MapIds(ids).into());
        if has_root {
            self.steps.push(NamespaceStep::BecomeRoot.into());
        }
    }

    /// Reads a mapping and refuses what the kernel would refuse.
    pub(super) fn ranges(&mut self, pointer: &str, mappings: &[IdMapping]) -> Vec<IdRange> {
        let ranges = id_ranges(mappings);
        if ranges.is_empty() {
            self.refuse(pointer, "a user namespace needs a mapping");
        }
        if ranges.len() > MAX_LINES {
            self.refuse(pointer, format!("the kernel takes {MAX_LINES} ranges at most"));
            return Vec::new();
        }
        for (index, range) in ranges.iter().enumerate() {
            let end = |first: u32| u64::from(first) + u64::from(range.size);
            // The last number is not an ID, and the kernel takes no range that has it.
            let most = u64::from(u32::MAX);
            if range.size == 0 || end(range.inside) > most || end(range.outside) > most {
                self.refuse(
                    format!("{pointer}/{index}"),
                    "the range is empty or runs over the last id",
                );
            }
            let meets = |a: u32, b: u32, size: u32| {
                u64::from(a) < u64::from(b) + u64::from(size) && u64::from(b) < end(a)
            };
            let overlaps = |other: &IdRange| {
                meets(range.inside, other.inside, other.size)
                    || meets(range.outside, other.outside, other.size)
            };
            if ranges.iter().take(index).any(overlaps) {
                self.refuse(format!("{pointer}/{index}"), "the range overlaps another");
            }
        }
        ranges
    }

    /// How the mapping comes into the kernel with the caller's rights.
    fn map_ids(&mut self, uids: Vec<IdRange>, gids: Vec<IdRange>) -> MapIds {
        let deny_setgroups = self.denies_setgroups();
        let mut ids = MapIds { uids, gids, helpers: None, deny_setgroups };
        let maps = self.host.id_maps.clone();
        if self.may_map_any_ids() || deny_setgroups {
            self.require_existing("/linux/uidMappings", &ids.uids, &maps.uids);
            self.require_existing("/linux/gidMappings", &ids.gids, &maps.gids);
            return ids;
        }
        self.require_subordinate(
            "/linux/uidMappings",
            &ids.uids,
            self.host.uid,
            &maps.subordinate_uids,
        );
        self.require_subordinate(
            "/linux/gidMappings",
            &ids.gids,
            self.host.gid,
            &maps.subordinate_gids,
        );
        if maps.helpers.is_none() {
            self.refuse(
                "/linux/uidMappings",
                "newuidmap and newgidmap are needed for more ids than the caller's own",
            );
        }
        ids.helpers = maps.helpers;
        ids
    }

    /// Whether the caller may write any mapping.
    fn may_map_any_ids(&self) -> bool {
        self.host.has_capability(&Capability::Setuid)
            && self.host.has_capability(&Capability::Setgid)
    }

    /// Whether the processes of the container cannot set additional groups: the caller maps just its own ids, by itself,
    /// and the kernel permits that only without `setgroups` (user_namespaces(7)).
    pub(super) fn denies_setgroups(&self) -> bool {
        let own = |mappings: &[IdMapping], id| matches!(mappings, [mapping] if mapping.host_id == id && mapping.size == 1);
        let linux = self.linux();
        self.is_new(Namespace::User)
            && !self.may_map_any_ids()
            && own(&linux.uid_mappings, self.host.uid)
            && own(&linux.gid_mappings, self.host.gid)
    }

    /// Refuses ids that the caller's own user namespace does not have.
    fn require_existing(&mut self, pointer: &str, ranges: &[IdRange], existing: &[IdRange]) {
        for (index, range) in ranges.iter().enumerate() {
            let last = last(range);
            if !maps(existing, range.outside) || !maps(existing, last) {
                let reason = format!(
                    "ids {} to {last} do not exist in the caller's user namespace",
                    range.outside
                );
                self.refuse(format!("{pointer}/{index}"), reason);
            }
        }
    }

    fn require_subordinate(
        &mut self,
        pointer: &str,
        ranges: &[IdRange],
        own: u32,
        granted: &[(u32, u32)],
    ) {
        for (index, range) in ranges.iter().enumerate() {
            let is_own = range.outside == own && range.size == 1;
            let is_granted = granted.iter().any(|(first, count)| {
                range.outside >= *first
                    && u64::from(range.outside) + u64::from(range.size)
                        <= u64::from(*first) + u64::from(*count)
            });
            if !is_own && !is_granted {
                let reason = format!(
                    "ids {} to {} are not granted to the caller as subordinate ids",
                    range.outside,
                    last(range)
                );
                self.refuse(format!("{pointer}/{index}"), reason);
            }
        }
    }

    fn time_namespace(&mut self) {
        let linux = self.linux();
        let mut offsets = Vec::new();
        for (word, offset) in &linux.time_offsets {
            let Some(clock) = Clock::parse(word) else {
                let reason = "it is neither `monotonic` nor `boottime`";
                self.refuse(format!("/linux/timeOffsets/{word}"), reason);
                continue;
            };
            offsets.push(TimeOffset {
                clock,
                seconds: offset.secs.unwrap_or_default(),
                nanoseconds: offset.nanosecs.unwrap_or_default(),
            });
        }
        if self.is_new(Namespace::Time) {
            self.steps.push(NamespaceStep::NewTime(offsets).into());
        } else if !offsets.is_empty() {
            self.refuse("/linux/timeOffsets", "clocks can be set off in a new time namespace only");
        }
    }

    fn names(&mut self) {
        for (pointer, name, step) in [
            (
                "/hostname",
                &self.spec.hostname,
                NamespaceStep::Hostname as fn(String) -> NamespaceStep,
            ),
            ("/domainname", &self.spec.domainname, NamespaceStep::Domainname),
        ] {
            let Some(name) = name.as_ref().filter(|name| !name.is_empty()) else { continue };
            if !self.spaces().contains_key(&Namespace::Uts) {
                self.refuse(pointer, "it would change the host: there is no UTS namespace");
            }
            if name.len() > 64 {
                self.refuse(pointer, "the kernel takes 64 bytes at most");
            }
            self.steps.push(step(name.clone()).into());
        }
    }
}

/// The ranges of a mapping.
pub(super) fn id_ranges(mappings: &[IdMapping]) -> Vec<IdRange> {
    let range = |mapping: &IdMapping| IdRange {
        inside: mapping.container_id,
        outside: mapping.host_id,
        size: mapping.size,
    };
    mappings.iter().map(range).collect()
}

/// The last id outside.
fn last(range: &IdRange) -> u32 {
    range.outside.saturating_add(range.size.saturating_sub(1))
}

/// Whether an id inside is mapped.
pub(super) fn maps(ranges: &[IdRange], id: u32) -> bool {
    ranges.iter().any(|range| {
        id >= range.inside && u64::from(id) < u64::from(range.inside) + u64::from(range.size)
    })
}

/// The kind of namespace of a word of the specification.
fn kind(word: &NamespaceType) -> Option<Namespace> {
    match word {
        NamespaceType::User => Some(Namespace::User),
        NamespaceType::Mount => Some(Namespace::Mount),
        NamespaceType::Pid => Some(Namespace::Pid),
        NamespaceType::Network => Some(Namespace::Network),
        NamespaceType::Ipc => Some(Namespace::Ipc),
        NamespaceType::Uts => Some(Namespace::Uts),
        NamespaceType::Cgroup => Some(Namespace::Cgroup),
        NamespaceType::Time => Some(Namespace::Time),
        NamespaceType::Other(_) => None,
    }
}
