//! Plans and steps as people read them.

use std::fmt::{self, Display, Formatter};

use super::{
    Attribute, Capabilities, Capability, Change, Device, IdRange, Mount, Namespace, Plan,
    Propagation, PropagationKind, Source, Step, Supply,
};

impl Display for Plan {
    /// A numbered list, one step a line, then the warnings.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:>3}. {step}", index + 1)?;
        }
        let offset = self.steps.len() + 1;
        for (index, hooks) in self.later.iter().enumerate() {
            writeln!(f, "{:>3}. {}", offset + index, Step::Hooks(hooks.clone()))?;
        }
        self.warnings().iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeCgroup(plan) => {
                write!(
                    f,
                    "make control group {}",
                    plan.path.as_deref().unwrap_or("named after the container")
                )?;
                for line in &plan.writes {
                    write!(f, ", {}={}", line.file, line.value)?;
                }
                if plan.devices.is_empty() {
                    Ok(())
                } else {
                    write!(f, ", {} device rules", plan.devices.len())
                }
            }
            Self::OomScore(value) => write!(f, "set oom_score_adj to {value}"),
            Self::OpenTree(tree) => {
                write!(f, "open {}", tree.source.display())?;
                if tree.recursive {
                    f.write_str(" and what is mounted beneath")?;
                }
                if tree.idmap.is_some() { f.write_str(", with mapped ids") } else { Ok(()) }
            }
            Self::Join { kind, path } => {
                write!(f, "join {} namespace {}", kind.word(), path.display())
            }
            Self::JoinTarget(kinds) => write!(f, "join {} of the container", spaces(kinds)),
            Self::NewUserNamespace => f.write_str("make user namespace"),
            Self::MapIds(ids) => {
                write!(f, "map users {} and groups {}", ranges(&ids.uids), ranges(&ids.gids))?;
                match &ids.helpers {
                    Some((users, groups)) => {
                        write!(f, " by {} and {}", users.display(), groups.display())
                    }
                    None if ids.deny_setgroups => f.write_str(", without setgroups"),
                    None => Ok(()),
                }
            }
            Self::BecomeRoot => f.write_str("become user 0 of the user namespace"),
            Self::TimeNamespace(offsets) => {
                f.write_str("make time namespace")?;
                offsets.iter().try_for_each(|offset| {
                    write!(
                        f,
                        ", {} set off by {}.{:09} s",
                        offset.clock, offset.seconds, offset.nanoseconds
                    )
                })
            }
            Self::Attend => f.write_str("make the process and wait for its end"),
            Self::Clone(kinds) if kinds.is_empty() => f.write_str("make the process"),
            Self::Clone(kinds) => write!(f, "make the process in new {}", spaces(kinds)),
            Self::Processors(list) => {
                let list: Vec<String> = list.iter().map(u32::to_string).collect();
                write!(f, "run on processors {}", list.join(","))
            }
            Self::EnterCgroup => f.write_str("enter the control group"),
            Self::CgroupNamespace => f.write_str("make cgroup namespace"),
            Self::Session => f.write_str("make session"),
            Self::Hostname(name) => write!(f, "set host name {name}"),
            Self::Domainname(name) => write!(f, "set domain name {name}"),
            Self::Loopback => f.write_str("bring up lo"),
            Self::Propagation(propagation) => write!(f, "make all mounts {}", word(*propagation)),
            Self::Root { path, .. } => {
                write!(f, "attach the root filesystem at {}", path.display())
            }
            Self::Mount(mount) => mount.fmt(f),
            Self::Device(device) => device.fmt(f),
            Self::Link { path, target } => write!(f, "link {path} to {target}"),
            Self::Hooks(hooks) => {
                write!(f, "run {}", hooks.kind.word())?;
                hooks.hooks.iter().try_for_each(|hook| write!(f, " {}", hook.path.display()))
            }
            Self::Sysctl { key, value } => write!(f, "set {key} to {value}"),
            Self::Mask(path) => write!(f, "mask {path}"),
            Self::ReadOnlyPath(path) => write!(f, "make {path} read-only"),
            Self::ReadOnlyRoot => f.write_str("make the root filesystem read-only"),
            Self::PivotRoot => f.write_str("pivot to the root filesystem"),
            Self::RootPropagation(propagation) => write!(f, "make / {}", word(*propagation)),
            Self::Terminal { .. } => f.write_str("open a terminal as /dev/console"),
            Self::Rlimit { resource, soft, hard } => {
                let bound = |value: u64| {
                    if value == u64::MAX { "unlimited".into() } else { value.to_string() }
                };
                write!(f, "set {resource} to {} of {}", bound(*soft), bound(*hard))
            }
            Self::Schedule(schedule) => write!(f, "schedule as {}", schedule.policy),
            Self::IoPriority { class, level } => write!(f, "set I/O priority {class} {level}"),
            Self::Personality(domain) => write!(f, "set personality {domain}"),
            Self::MemoryPolicy { mode, .. } => write!(f, "set memory policy {mode}"),
            Self::MakeDirectory(path) => write!(f, "make directory {path} if it is missing"),
            Self::WorkingDirectory(path) => write!(f, "change to {path}"),
            Self::BoundingSet(kept) => write!(f, "bound capabilities to {}", names(kept)),
            Self::User { uid, gid, groups, .. } => {
                write!(f, "become user {uid}, group {gid}")?;
                match groups.as_deref() {
                    None => f.write_str(", keeping additional groups"),
                    Some([]) => Ok(()),
                    Some(groups) => write!(f, ", additional groups {groups:?}"),
                }
            }
            Self::Umask(mask) => write!(f, "set umask {mask:03o}"),
            Self::Capabilities(sets) => sets.fmt(f),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::FindProgram { name, .. } => write!(f, "find {name}"),
            Self::AwaitStart => f.write_str("wait for the start"),
            Self::Seccomp(filter) => write!(f, "load system call filter: {}", filter.summary),
            Self::Execute { arguments, .. } => write!(f, "execute {}", arguments.join(" ")),
        }
    }
}

impl Display for Mount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        match &self.source {
            Source::Filesystem { kind, options, .. } => {
                write!(f, "mount {kind} on {}", self.target)?;
                words.extend(options.iter().cloned());
            }
            Source::Tree { path, .. } => write!(f, "mount {} on {}", path.display(), self.target)?,
            Source::Remount { options, .. } => {
                write!(f, "remount {}", self.target)?;
                words.extend(options.iter().cloned());
            }
        }
        let mut shown = attributes(&self.change, "");
        shown.extend(attributes(&self.recursive_change, "r"));
        shown.extend(self.propagation.map(word));
        shown.extend(words);
        if shown.is_empty() { Ok(()) } else { write!(f, " ({})", shown.join(", ")) }
    }
}

impl Display for Device {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verb = match self.supply {
            Supply::Make => "make",
            Supply::Show => "show",
            Supply::Demand => "demand",
        };
        write!(
            f,
            "{verb} device {} ({}:{}, mode {:03o})",
            self.path, self.major, self.minor, self.mode
        )
    }
}

impl Display for Capabilities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "set capabilities: effective {}", names(&self.effective))?;
        write!(f, "; permitted {}", names(&self.permitted))?;
        write!(f, "; inheritable {}; ambient {}", names(&self.inheritable), names(&self.ambient))
    }
}

fn attributes(change: &Change, prefix: &str) -> Vec<String> {
    let cleared = |attribute: &Attribute| match attribute {
        Attribute::Ro => "rw",
        Attribute::NoSuid => "suid",
        Attribute::NoDev => "dev",
        Attribute::NoExec => "exec",
        Attribute::NoDirAtime => "diratime",
        Attribute::NoSymFollow => "symfollow",
        Attribute::Relatime | Attribute::NoAtime | Attribute::StrictAtime => "atime",
    };
    let set = change.set.iter().map(|attribute| attribute.word());
    set.chain(change.clear.iter().map(cleared)).map(|word| format!("{prefix}{word}")).collect()
}

fn word(propagation: Propagation) -> String {
    let kind = match propagation.kind {
        PropagationKind::Shared => "shared",
        PropagationKind::Slave => "slave",
        PropagationKind::Private => "private",
        PropagationKind::Unbindable => "unbindable",
    };
    format!("{}{kind}", if propagation.recursive { "r" } else { "" })
}

fn names(capabilities: &[Capability]) -> String {
    if capabilities.is_empty() {
        return "none".into();
    }
    let names: Vec<&str> =
        capabilities.iter().map(|capability| capability.name.trim_start_matches("CAP_")).collect();
    names.join(",")
}

fn spaces(kinds: &[Namespace]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    format!("{} namespace{}", words.join(", "), if kinds.len() == 1 { "" } else { "s" })
}

fn ranges(ranges: &[IdRange]) -> String {
    let show = |range: &IdRange| match range.size {
        1 => format!("{}={}", range.inside, range.outside),
        size => format!("{}={}+{size}", range.inside, range.outside),
    };
    ranges.iter().map(show).collect::<Vec<_>>().join(",")
}
