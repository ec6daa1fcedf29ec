//! What the processes of a cgroup use.

use std::fs::read_to_string;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Cgroup;

/// What the processes of a container use now. A value is absent if the host does not count it.
///
/// Its JSON carries no version: members are added, and none is renamed or changes its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stats {
    /// Processor time, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_nanoseconds: Option<u64>,
    /// Times that the processes were held back by their quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_throttled: Option<u64>,
    /// Memory in use, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The most memory ever in use, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_peak_bytes: Option<u64>,
    /// Processes killed because memory was short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

impl Cgroup {
    /// How many processes the kernel killed because memory was short. None: it does not count them.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        let group = self.group("memory")?;
        let file = if group.is_unified() { "memory.events" } else { "memory.oom_control" };
        field(&group.directory.join(file), "oom_kill")
    }

    /// Reads what the processes use.
    pub(crate) fn stats(&self) -> Stats {
        let v1 = |controller: &str| {
            self.groups.iter().find(|group| group.controllers.iter().any(|name| name == controller))
        };
        let mut stats = Stats { oom_kills: self.oom_kills(), ..Stats::default() };
        if let Some(group) = self.unified() {
            let directory = &group.directory;
            stats.cpu_nanoseconds =
                field(&directory.join("cpu.stat"), "usage_usec").map(|usec| usec * 1000);
            stats.cpu_throttled = field(&directory.join("cpu.stat"), "nr_throttled");
            stats.memory_bytes = number(&directory.join("memory.current"));
            stats.memory_peak_bytes = number(&directory.join("memory.peak"));
            stats.pids = number(&directory.join("pids.current"));
        }
        if let Some(group) = v1("cpuacct") {
            stats.cpu_nanoseconds = number(&group.directory.join("cpuacct.usage"));
        }
        if let Some(group) = v1("cpu") {
            stats.cpu_throttled = field(&group.directory.join("cpu.stat"), "nr_throttled");
        }
        if let Some(group) = v1("memory") {
            stats.memory_bytes = number(&group.directory.join("memory.usage_in_bytes"));
            stats.memory_peak_bytes = number(&group.directory.join("memory.max_usage_in_bytes"));
        }
        if let Some(group) = v1("pids") {
            stats.pids = number(&group.directory.join("pids.current"));
        }
        stats
    }
}

fn number(path: &Path) -> Option<u64> {
    read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
