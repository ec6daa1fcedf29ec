//! Device nodes and the links that programs expect beside them.

use super::{Device, DeviceKind, DeviceOrigin, DeviceRule, FilesystemStep, Planner, Step};
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
        let may_make = !self.has_user_namespace() && self.host.has_capability(&Capability::Mknod);
        let origin = if may_make { DeviceOrigin::Made } else { DeviceOrigin::Host };
        let own = self.own_devices(origin);
        let mut steps = Vec::new();
        for (path, major, minor) in DEFAULT {
            // A `/dev` of the host has what it has.
            if !self.is_bind_mounted(path) && !own.iter().any(|device| device.path == path) {
                let (path, kind) = (path.into(), DeviceKind::Character);
                let (mode, uid, gid) = (0o666, 0, 0);
                steps.push(
                    FilesystemStep::Device(Device {
                        path,
                        kind,
                        major,
                        minor,
                        mode,
                        uid,
                        gid,
                        origin,
                    })
                    .into(),
                );
            }
        }
        steps.extend(own.into_iter().map(|device| FilesystemStep::Device(device).into()));
        let has_terminals =
            self.spec.mounts.iter().any(|mount| mount.r#type.as_deref() == Some("devpts"));
        let multiplexer = has_terminals.then_some(("/dev/ptmx", "pts/ptmx"));
        let links = LINKS.into_iter().chain(multiplexer);
        steps.extend(
            links
                .filter(|(path, _)| !self.is_bind_mounted(path))
                .map(|(path, target)| FilesystemStep::Link {
                    path: path.into(),
                    target: target.into(),
                })
                .map(Step::from),
        );
        steps
    }

    fn own_devices(&mut self, origin: DeviceOrigin) -> Vec<Device> {
        let linux = self.linux();
        let mut devices = Vec::new();
        for (index, device) in linux.devices.iter().enumerate() {
            let pointer = format!("/linux/devices/{index}");
            self.require_absolute(&format!("{pointer}/path"), &device.path);
            let kind = match &device.r#type {
                linux::DeviceType::Char | linux::DeviceType::UnbufferedChar => {
                    DeviceKind::Character
                }
                linux::DeviceType::Block => DeviceKind::Block,
                linux::DeviceType::Fifo => DeviceKind::Fifo,
                other @ (linux::DeviceType::All | linux::DeviceType::Other(_)) => {
                    self.refuse(&pointer, format!("`{other}` is not a type of device"));
                    continue;
                }
            };
            let number = |number: Option<i64>| u32::try_from(number.unwrap_or_default()).ok();
            let (Some(major), Some(minor)) = (number(device.major), number(device.minor)) else {
                self.refuse(&pointer, "a device number is not between 0 and 4294967295");
                continue;
            };
            if kind != DeviceKind::Fifo && (device.major.is_none() || device.minor.is_none()) {
                self.refuse(&pointer, "a device needs a major and a minor number");
            }
            let (uid, gid) = (device.uid.unwrap_or_default(), device.gid.unwrap_or_default());
            self.require_id(&format!("{pointer}/uid"), uid);
            self.require_id(&format!("{pointer}/gid"), gid);
            devices.push(Device {
                path: device.path.clone(),
                kind,
                major,
                minor,
                mode: device.file_mode.unwrap_or(0o666) & 0o7777,
                uid,
                gid,
                origin: match kind {
                    _ if self.is_bind_mounted(&device.path) => DeviceOrigin::Existing,
                    DeviceKind::Fifo => DeviceOrigin::Made,
                    DeviceKind::Character | DeviceKind::Block => origin,
                },
            });
        }
        devices
    }

    /// The rules for devices, with those that every container needs added at the end.
    pub(super) fn device_rules(&mut self, rules: &[linux::DeviceRule]) -> Vec<DeviceRule> {
        if rules.is_empty() {
            return Vec::new();
        }
        let mut planned = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let pointer = format!("/linux/resources/devices/{index}");
            let kind = match &rule.r#type {
                None | Some(linux::DeviceType::All) => 'a',
                Some(linux::DeviceType::Block) => 'b',
                Some(linux::DeviceType::Char) => 'c',
                Some(
                    other @ (linux::DeviceType::UnbufferedChar
                    | linux::DeviceType::Fifo
                    | linux::DeviceType::Other(_)),
                ) => {
                    self.refuse(&pointer, format!("`{other}` is not a type of device for a rule"));
                    continue;
                }
            };
            let access = rule.access.clone().unwrap_or_else(|| "rwm".into());
            if access.is_empty() || access.chars().any(|letter| !"rwm".contains(letter)) {
                self.refuse(&pointer, format!("access `{access}` is not made of `r`, `w` and `m`"));
            }
            let (Some(major), Some(minor)) = (any_or(rule.major), any_or(rule.minor)) else {
                self.refuse(&pointer, "a device number is not between 0 and 4294967295");
                continue;
            };
            planned.push(DeviceRule { allow: rule.allow, kind, major, minor, access });
        }
        let mut allow = |kind, major, minor, access: &str| {
            planned.push(DeviceRule { allow: true, kind, major, minor, access: access.into() });
        };
        allow('c', None, None, "m");
        allow('b', None, None, "m");
        for (_, major, minor) in DEFAULT {
            allow('c', Some(major), Some(minor), "rwm");
        }
        // Terminals and their multiplexer.
        allow('c', Some(136), None, "rwm");
        allow('c', Some(5), Some(2), "rwm");
        planned
    }
}

/// The number of a rule: an absent one is any, and so is -1, which Go programs write for it. None: out of range.
fn any_or(number: Option<i64>) -> Option<Option<u32>> {
    match number {
        None | Some(-1) => Some(None),
        Some(number) => u32::try_from(number).ok().map(Some),
    }
}
