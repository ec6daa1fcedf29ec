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
    /// That of it in the programs themselves, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_user_nanoseconds: Option<u64>,
    /// That of it in the kernel, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_system_nanoseconds: Option<u64>,
    /// Periods of their quota that have passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_periods: Option<u64>,
    /// Times that the processes were held back by their quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_throttled: Option<u64>,
    /// How long they were held back, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_throttled_nanoseconds: Option<u64>,
    /// Memory in use, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The most memory ever in use, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_peak_bytes: Option<u64>,
    /// The limit of memory, in bytes; absent too if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// That of the memory in use that holds content of files, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_cache_bytes: Option<u64>,
    /// Memory that is swapped out, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_bytes: Option<u64>,
    /// Processes killed because memory was short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// The limit of processes and threads; absent too if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<u64>,
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
        let mut stats = Stats { oom_kills: self.oom_kills(), ..Stats::default() };
        if let Some(group) = self.unified() {
            unified(&group.directory, &mut stats);
        }
        for group in self.groups.iter().filter(|group| !group.is_unified()) {
            for controller in &group.controllers {
                version_1(controller, &group.directory, &mut stats);
            }
        }
        stats
    }
}

fn unified(directory: &Path, stats: &mut Stats) {
    let cpu = directory.join("cpu.stat");
    let nanoseconds =
        |name| field(&cpu, name).map(|microseconds| microseconds.saturating_mul(1000));
    stats.cpu_nanoseconds = nanoseconds("usage_usec");
    stats.cpu_user_nanoseconds = nanoseconds("user_usec");
    stats.cpu_system_nanoseconds = nanoseconds("system_usec");
    stats.cpu_periods = field(&cpu, "nr_periods");
    stats.cpu_throttled = field(&cpu, "nr_throttled");
    stats.cpu_throttled_nanoseconds = nanoseconds("throttled_usec");
    stats.memory_bytes = number(&directory.join("memory.current"));
    stats.memory_peak_bytes = number(&directory.join("memory.peak"));
    stats.memory_limit_bytes = number(&directory.join("memory.max"));
    stats.memory_cache_bytes = field(&directory.join("memory.stat"), "file");
    stats.swap_bytes = number(&directory.join("memory.swap.current"));
    stats.pids = number(&directory.join("pids.current"));
    stats.pids_limit = number(&directory.join("pids.max"));
}

/// What a hierarchy of version 1 with this controller counts.
fn version_1(controller: &str, directory: &Path, stats: &mut Stats) {
    /// What the kernel shows where there is no limit is a little below 2^63.
    const NO_LIMIT: u64 = 1 << 62;
    match controller {
        "cpuacct" => {
            stats.cpu_nanoseconds = number(&directory.join("cpuacct.usage"));
            stats.cpu_user_nanoseconds = number(&directory.join("cpuacct.usage_user"));
            stats.cpu_system_nanoseconds = number(&directory.join("cpuacct.usage_sys"));
        }
        "cpu" => {
            let cpu = directory.join("cpu.stat");
            stats.cpu_periods = field(&cpu, "nr_periods");
            stats.cpu_throttled = field(&cpu, "nr_throttled");
            stats.cpu_throttled_nanoseconds = field(&cpu, "throttled_time");
        }
        "memory" => {
            let limit = number(&directory.join("memory.limit_in_bytes"));
            stats.memory_bytes = number(&directory.join("memory.usage_in_bytes"));
            stats.memory_peak_bytes = number(&directory.join("memory.max_usage_in_bytes"));
            stats.memory_limit_bytes = limit.filter(|limit| *limit < NO_LIMIT);
            stats.memory_cache_bytes = field(&directory.join("memory.stat"), "total_cache");
            stats.swap_bytes = field(&directory.join("memory.stat"), "total_swap");
        }
        "pids" => {
            stats.pids = number(&directory.join("pids.current"));
            stats.pids_limit = number(&directory.join("pids.max"));
        }
        _ => {}
    }
}

fn number(path: &Path) -> Option<u64> {
    read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_version_2_tells_what_it_counts() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "cpu.stat",
                "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9\n",
            ),
            ("memory.current", "100\n"),
            ("memory.max", "max\n"),
            ("memory.stat", "anon 1\nfile_mapped 4\nfile 40\n"),
            ("memory.swap.current", "8\n"),
            ("pids.current", "2\n"),
            ("pids.max", "30\n"),
        ] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let mut stats = Stats::default();
        unified(directory.path(), &mut stats);
        let expected = Stats {
            cpu_nanoseconds: Some(5000),
            cpu_user_nanoseconds: Some(3000),
            cpu_system_nanoseconds: Some(2000),
            cpu_periods: Some(7),
            cpu_throttled: Some(1),
            cpu_throttled_nanoseconds: Some(9000),
            memory_bytes: Some(100),
            memory_cache_bytes: Some(40),
            swap_bytes: Some(8),
            pids: Some(2),
            pids_limit: Some(30),
            ..Stats::default()
        };
        assert_eq!(stats, expected);
    }
}
