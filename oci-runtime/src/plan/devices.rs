//! Device nodes and the links that programs expect beside them.

use std::collections::BTreeSet;

use super::{
    Device, DeviceKind, DeviceOrigin, DeviceRule, DeviceRuleKind, FilesystemStep, Planner, Step,
};
use crate::spec::linux::DeviceAccess;
use crate::spec::{Capability, linux};

/// The devices that every container has: path, major, minor.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

const NOT_A_NUMBER: &str = "a device number is not between 0 and 4294967295";

/// Links below `/dev` and their targets.
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

impl Planner<'_> {
    /// The steps that make devices and links.
    pub(super) fn devices(&mut self) -> Vec<Step> {
        let in_user_namespace = self.has_user_namespace() || self.host.is_in_user_namespace();
        let may_make = !in_user_namespace && self.host.has_capability(&Capability::Mknod);
        let origin = if may_make { DeviceOrigin::Made } else { DeviceOrigin::Host };
        let own = self.own_devices(origin);
        // A `/dev` of the host has what it has.
        let default = DEFAULT.into_iter().filter(|(path, ..)| {
            !self.is_bind_mounted(path) && !own.iter().any(|device| device.path == *path)
        });
        let default: Vec<_> = default.map(|numbers| default_device(numbers, origin)).collect();
        let devices = default.into_iter().chain(own).map(FilesystemStep::Device);
        devices.chain(self.device_links()).map(Step::from).collect()
    }

    fn device_links(&self) -> impl Iterator<Item = FilesystemStep> {
        let has_terminals =
            self.spec.mounts.iter().any(|mount| mount.r#type.as_deref() == Some("devpts"));
        let multiplexer = has_terminals.then_some(("/dev/ptmx", "pts/ptmx"));
        let links = LINKS.into_iter().chain(multiplexer);
        links
            .filter(|(path, _)| !self.is_bind_mounted(path))
            .map(|(path, target)| FilesystemStep::Link { path: path.into(), target: target.into() })
    }

    fn own_devices(&mut self, origin: DeviceOrigin) -> Vec<Device> {
        let linux = self.linux();
        let devices = linux.devices.iter().enumerate();
        devices
            .filter_map(|(index, device)| {
                self.own_device(&format!("/linux/devices/{index}"), device, origin)
            })
            .collect()
    }

    fn own_device(
        &mut self,
        pointer: &str,
        device: &linux::Device,
        origin: DeviceOrigin,
    ) -> Option<Device> {
        self.require_absolute(&format!("{pointer}/path"), &device.path);
        let kind = self.device_kind(pointer, &device.r#type)?;
        let (major, minor) = self.device_numbers(pointer, kind, device)?;
        let (uid, gid) = (device.uid.unwrap_or_default(), device.gid.unwrap_or_default());
        self.require_id(&format!("{pointer}/uid"), uid);
        self.require_id(&format!("{pointer}/gid"), gid);
        let origin = match kind {
            _ if self.is_bind_mounted(&device.path) => DeviceOrigin::Existing,
            DeviceKind::Fifo => DeviceOrigin::Made,
            DeviceKind::Character | DeviceKind::Block => origin,
        };
        let (path, mode) = (device.path.clone(), device.file_mode.unwrap_or(0o666) & 0o7777);
        Some(Device { path, kind, major, minor, mode, uid, gid, origin })
    }

    fn device_kind(&mut self, pointer: &str, kind: &linux::DeviceType) -> Option<DeviceKind> {
        match kind {
            linux::DeviceType::Char | linux::DeviceType::UnbufferedChar => {
                Some(DeviceKind::Character)
            }
            linux::DeviceType::Block => Some(DeviceKind::Block),
            linux::DeviceType::Fifo => Some(DeviceKind::Fifo),
            other @ (linux::DeviceType::All | linux::DeviceType::Other(_)) => {
                self.refuse(pointer, format!("`{other}` is not a type of device"));
                None
            }
        }
    }

    fn device_numbers(
        &mut self,
        pointer: &str,
        kind: DeviceKind,
        device: &linux::Device,
    ) -> Option<(u32, u32)> {
        let number = |number: Option<i64>| u32::try_from(number.unwrap_or_default()).ok();
        let (Some(major), Some(minor)) = (number(device.major), number(device.minor)) else {
            self.refuse(pointer, NOT_A_NUMBER);
            return None;
        };
        if kind != DeviceKind::Fifo && (device.major.is_none() || device.minor.is_none()) {
            self.refuse(pointer, "a device needs a major and a minor number");
        }
        Some((major, minor))
    }

    /// The rules for devices: nothing is permitted but what they and those that every container needs permit. A new
    /// cgroup has its parent's rules, which mostly permit all.
    pub(super) fn device_rules(&mut self, rules: &[linux::DeviceRule]) -> Vec<DeviceRule> {
        let pointer = "/linux/resources/devices";
        if !self.host.cgroups.can_filter_devices() {
            let reason =
                "the host has neither the cgroup controller `devices` nor cgroup version 2";
            match rules {
                [] => self.warn(format!("every device can be used: {reason}")),
                _ => self.refuse(pointer, reason),
            }
            return Vec::new();
        }
        if self.host.is_in_user_namespace() || !self.host.is_privileged() {
            self.warn(
                "rules for devices are not set: the kernel does not permit it to the caller, in whose user namespaces no \
                 device can be used but those that are mounted",
            );
            return Vec::new();
        }
        let own = rules.iter().enumerate();
        let own =
            own.filter_map(|(index, rule)| self.device_rule(&format!("{pointer}/{index}"), rule));
        let all: Vec<_> = [deny_all()].into_iter().chain(own).chain(needed_rules()).collect();
        // Most specifications begin with the same rule.
        let skipped = usize::from(all.first() == all.get(1));
        all.into_iter().skip(skipped).collect()
    }

    fn device_rule(&mut self, pointer: &str, rule: &linux::DeviceRule) -> Option<DeviceRule> {
        let kind = self.device_rule_kind(pointer, rule.r#type.as_ref());
        let access = self.device_access(pointer, rule.access.as_deref().unwrap_or("rwm"));
        let (Some(major), Some(minor)) = (any_or(rule.major), any_or(rule.minor)) else {
            self.refuse(pointer, NOT_A_NUMBER);
            return None;
        };
        Some(DeviceRule { allow: rule.allow, kind: kind?, major, minor, access: access? })
    }

    fn device_rule_kind(
        &mut self,
        pointer: &str,
        kind: Option<&linux::DeviceType>,
    ) -> Option<DeviceRuleKind> {
        match kind {
            None | Some(linux::DeviceType::All) => Some(DeviceRuleKind::All),
            Some(linux::DeviceType::Block) => Some(DeviceRuleKind::Block),
            Some(linux::DeviceType::Char) => Some(DeviceRuleKind::Character),
            Some(
                other @ (linux::DeviceType::UnbufferedChar
                | linux::DeviceType::Fifo
                | linux::DeviceType::Other(_)),
            ) => {
                self.refuse(pointer, format!("`{other}` is not a type of device for a rule"));
                None
            }
        }
    }

    fn device_access(&mut self, pointer: &str, letters: &str) -> Option<BTreeSet<DeviceAccess>> {
        let access: Option<BTreeSet<_>> = letters.chars().map(DeviceAccess::from_letter).collect();
        let access = access.filter(|access| !access.is_empty());
        if access.is_none() {
            self.refuse(pointer, format!("access `{letters}` is not made of `r`, `w` and `m`"));
        }
        access
    }
}

fn default_device((path, major, minor): (&str, u32, u32), origin: DeviceOrigin) -> Device {
    let (path, kind) = (path.into(), DeviceKind::Character);
    Device { path, kind, major, minor, mode: 0o666, uid: 0, gid: 0, origin }
}

fn deny_all() -> DeviceRule {
    let (kind, access) = (DeviceRuleKind::All, DeviceAccess::ALL.into());
    DeviceRule { allow: false, kind, major: None, minor: None, access }
}

/// What every container may do: make device nodes, and use the devices that it has, and terminals.
fn needed_rules() -> impl Iterator<Item = DeviceRule> {
    let make = [DeviceRuleKind::Character, DeviceRuleKind::Block].map(|kind| DeviceRule {
        allow: true,
        kind,
        major: None,
        minor: None,
        access: [DeviceAccess::Mknod].into(),
    });
    // Terminals and their multiplexer.
    let terminals = [(136, None), (5, Some(2))];
    let default = DEFAULT.into_iter().map(|(_, major, minor)| (major, Some(minor)));
    let uses = default.chain(terminals).map(|(major, minor)| DeviceRule {
        allow: true,
        kind: DeviceRuleKind::Character,
        major: Some(major),
        minor,
        access: DeviceAccess::ALL.into(),
    });
    make.into_iter().chain(uses)
}

/// The number of a rule: an absent one is any, and so is -1, which Go programs write for it. None: out of range.
fn any_or(number: Option<i64>) -> Option<Option<u32>> {
    match number {
        None | Some(-1) => Some(None),
        Some(number) => u32::try_from(number).ok().map(Some),
    }
}
