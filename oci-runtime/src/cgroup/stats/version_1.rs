//! What a hierarchy of cgroup version 1 counts (`admin-guide/cgroup-v1`).

use std::fs::read_to_string;
use std::path::Path;

use super::{device, field, fields, huge_page_sizes, number};
use crate::stats::{BlockIoEntry, Hugetlb, MemoryEntry, Stats};

/// What the kernel shows where there is no limit of memory is a little below 2^63.
const NO_LIMIT: u64 = 1 << 62;

pub(super) fn read(controller: &str, directory: &Path, stats: &mut Stats) {
    match controller {
        "cpuacct" => cpu_usage(directory, stats),
        "cpu" => {
            let (file, throttling) = (directory.join("cpu.stat"), &mut stats.cpu.throttling);
            throttling.periods = field(&file, "nr_periods");
            throttling.throttled_periods = field(&file, "nr_throttled");
            throttling.throttled_time = field(&file, "throttled_time");
        }
        "memory" => memory(directory, stats),
        "pids" => {
            stats.pids.current = number(&directory.join("pids.current"));
            stats.pids.limit = number(&directory.join("pids.max"));
        }
        "blkio" => {
            stats.block_io.service_bytes = block_io(directory, "io_service_bytes_recursive");
            stats.block_io.serviced = block_io(directory, "io_serviced_recursive");
        }
        "hugetlb" => {
            for size in huge_page_sizes(directory, ".usage_in_bytes") {
                let number = |file: &str| number(&directory.join(format!("hugetlb.{size}.{file}")));
                let of_size = Hugetlb {
                    usage: number("usage_in_bytes"),
                    max: number("max_usage_in_bytes"),
                    failcnt: number("failcnt"),
                };
                stats.hugetlb.insert(size, of_size);
            }
        }
        _ => {}
    }
}

fn cpu_usage(directory: &Path, stats: &mut Stats) {
    let usage = &mut stats.cpu.usage;
    usage.total = number(&directory.join("cpuacct.usage"));
    usage.user = number(&directory.join("cpuacct.usage_user"));
    usage.kernel = number(&directory.join("cpuacct.usage_sys"));
    let numbers = |name: &str| {
        let text = read_to_string(directory.join(name)).unwrap_or_default();
        text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    usage.percpu = numbers("cpuacct.usage_percpu");
    usage.percpu_user = numbers("cpuacct.usage_percpu_user");
    usage.percpu_kernel = numbers("cpuacct.usage_percpu_sys");
}

fn memory(directory: &Path, stats: &mut Stats) {
    let entry = |kind: &str| {
        let number = |file: &str| number(&directory.join(format!("memory.{kind}{file}")));
        MemoryEntry {
            limit: number("limit_in_bytes").filter(|limit| *limit < NO_LIMIT),
            usage: number("usage_in_bytes"),
            max: number("max_usage_in_bytes"),
            failcnt: number("failcnt"),
        }
    };
    let memory = &mut stats.memory;
    memory.usage = entry("");
    memory.swap = entry("memsw.");
    memory.kernel = entry("kmem.");
    memory.kernel_tcp = entry("kmem.tcp.");
    memory.raw = fields(&directory.join("memory.stat"));
    memory.cache = memory.raw.get("total_cache").copied();
}

/// The counts of the scheduler of block devices, or where it has none, those of the limits.
fn block_io(directory: &Path, file: &str) -> Vec<BlockIoEntry> {
    let read = |prefix: &str| read_to_string(directory.join(format!("blkio.{prefix}{file}")));
    let texts = ["bfq.", "", "throttle."].into_iter().filter_map(|prefix| read(prefix).ok());
    let mut all = texts.map(|text| text.lines().filter_map(entry).collect::<Vec<_>>());
    all.find(|entries| !entries.is_empty()).unwrap_or_default()
}

/// A line such as `8:0 Read 4096`; the one with the total has no device.
fn entry(line: &str) -> Option<BlockIoEntry> {
    let mut words = line.split_whitespace();
    let (major, minor) = device(words.next()?)?;
    Some(BlockIoEntry {
        major,
        minor,
        op: words.next()?.into(),
        value: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_block_devices_are_those_of_the_scheduler_or_of_the_limits() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(format!("blkio.{name}")), text).unwrap();
        };
        let found = || block_io(directory.path(), "io_serviced_recursive");
        let count = |value| BlockIoEntry { major: 8, minor: 0, op: "Read".into(), value };
        assert_eq!(found(), []);
        write("throttle.io_serviced_recursive", "8:0 Read 7\nTotal 7\n");
        assert_eq!(found(), [count(7)]);
        write("bfq.io_serviced_recursive", "Total 0\n");
        assert_eq!(found(), [count(7)]);
        write("bfq.io_serviced_recursive", "8:0 Read 5\nTotal 5\n");
        assert_eq!(found(), [count(5)]);
    }
}
