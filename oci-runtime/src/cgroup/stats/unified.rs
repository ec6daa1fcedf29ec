//! What cgroup version 2 counts (`admin-guide/cgroup-v2`, "Controllers").

use std::fs::read_to_string;
use std::path::Path;

use super::{device, field, fields, huge_page_sizes, members, number};
use crate::stats::{BlockIoEntry, Hugetlb, MemoryEntry, Pressure, Stall, Stats};

pub(super) fn read(directory: &Path, stats: &mut Stats) {
    cpu(directory, stats);
    memory(directory, stats);
    stats.pids.current = number(&directory.join("pids.current"));
    stats.pids.limit = number(&directory.join("pids.max"));
    block_io(directory, stats);
    for size in huge_page_sizes(directory, ".current") {
        let of_size = Hugetlb {
            usage: number(&directory.join(format!("hugetlb.{size}.current"))),
            max: None,
            failcnt: field(&directory.join(format!("hugetlb.{size}.events")), "max"),
        };
        stats.hugetlb.insert(size, of_size);
    }
    let rdma = read_to_string(directory.join("rdma.current")).unwrap_or_default();
    for line in rdma.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let counts = members(words).map(|(resource, count)| (resource.to_owned(), count));
        stats.rdma.insert(name.into(), counts.collect());
    }
    stats.misc = fields(&directory.join("misc.current"));
}

fn cpu(directory: &Path, stats: &mut Stats) {
    let file = fields(&directory.join("cpu.stat"));
    let nanoseconds = |name| file.get(name).map(|time: &u64| time.saturating_mul(1000));
    let (usage, throttling) = (&mut stats.cpu.usage, &mut stats.cpu.throttling);
    usage.total = nanoseconds("usage_usec");
    usage.user = nanoseconds("user_usec");
    usage.kernel = nanoseconds("system_usec");
    throttling.periods = file.get("nr_periods").copied();
    throttling.throttled_periods = file.get("nr_throttled").copied();
    throttling.throttled_time = nanoseconds("throttled_usec");
    stats.cpu.psi = pressure(&directory.join("cpu.pressure"));
}

fn memory(directory: &Path, stats: &mut Stats) {
    let memory = &mut stats.memory;
    let number = |name: &str| number(&directory.join(name));
    let events = fields(&directory.join("memory.events"));
    memory.raw = fields(&directory.join("memory.stat"));
    memory.cache = memory.raw.get("file").copied();
    memory.usage = MemoryEntry {
        limit: number("memory.max"),
        usage: number("memory.current"),
        max: number("memory.peak"),
        failcnt: events.get("max").copied(),
    };
    // Here the kernel counts swap by itself, and these are memory and swap together.
    let sum = |memory: Option<u64>, swap: &str| Some(memory?.saturating_add(number(swap)?));
    memory.swap.limit = sum(memory.usage.limit, "memory.swap.max");
    memory.swap.usage = sum(memory.usage.usage, "memory.swap.current");
    memory.psi = pressure(&directory.join("memory.pressure"));
}

fn block_io(directory: &Path, stats: &mut Stats) {
    let io = &mut stats.block_io;
    let text = read_to_string(directory.join("io.stat")).unwrap_or_default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(device) else { continue };
        for (name, value) in members(words) {
            let (entries, op) = match name {
                "rbytes" => (&mut io.service_bytes, "Read"),
                "wbytes" => (&mut io.service_bytes, "Write"),
                "dbytes" => (&mut io.service_bytes, "Discard"),
                "rios" => (&mut io.serviced, "Read"),
                "wios" => (&mut io.serviced, "Write"),
                "dios" => (&mut io.serviced, "Discard"),
                _ => continue,
            };
            entries.push(BlockIoEntry { major, minor, op: op.into(), value });
        }
    }
    io.psi = pressure(&directory.join("io.pressure"));
}

/// None: the kernel does not count it, or was started with `psi=0`.
fn pressure(path: &Path) -> Option<Pressure> {
    let text = read_to_string(path).ok()?;
    let mut pressure = Pressure::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let stall = match words.next()? {
            "some" => &mut pressure.some,
            "full" => &mut pressure.full,
            _ => continue,
        };
        words.for_each(|word| member(stall, word));
    }
    Some(pressure)
}

fn member(stall: &mut Stall, word: &str) {
    let Some((name, value)) = word.split_once('=') else { return };
    let average = value.parse().unwrap_or_default();
    match name {
        "avg10" => stall.avg10 = average,
        "avg60" => stall.avg60 = average,
        "avg300" => stall.avg300 = average,
        "total" => stall.total = value.parse().unwrap_or_default(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_tells_what_it_counts_as_runc_prints_it() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "cpu.stat",
                "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9\n",
            ),
            ("cpu.pressure", "some avg10=1.50 avg60=0.00 avg300=0.25 total=12\n"),
            ("memory.current", "100\n"),
            ("memory.max", "max\n"),
            ("memory.peak", "120\n"),
            ("memory.events", "low 0\nhigh 0\nmax 6\noom 2\noom_kill 1\n"),
            ("memory.stat", "anon 1\nfile_mapped 4\nfile 40\n"),
            ("memory.swap.current", "8\n"),
            ("memory.swap.max", "max\n"),
            ("io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n252:0 \n"),
            ("hugetlb.2MB.current", "2097152\n"),
            ("hugetlb.2MB.events", "max 3\n"),
            ("hugetlb.2MB.rsvd.current", "0\n"),
            ("rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n"),
            ("misc.current", "res_a 3\nres_b 0\n"),
            ("pids.current", "2\n"),
            ("pids.max", "30\n"),
        ] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let mut stats = Stats::default();
        read(directory.path(), &mut stats);
        let entry =
            |op: &str, value: u64| json!({"major": 8, "minor": 16, "op": op, "value": value});
        let none = json!({"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 0});
        let expected = json!({
            "cpu": {
                "usage": { "total": 5000, "kernel": 2000, "user": 3000 },
                "throttling": { "periods": 7, "throttledPeriods": 1, "throttledTime": 9000 },
                "psi": {
                    "some": { "avg10": 1.5, "avg60": 0.0, "avg300": 0.25, "total": 12 },
                    "full": none,
                },
            },
            "memory": {
                "cache": 40,
                "usage": { "usage": 100, "max": 120, "failcnt": 6 },
                "swap": { "usage": 108 },
                "kernel": {},
                "kernelTCP": {},
                "raw": { "anon": 1, "file_mapped": 4, "file": 40 },
            },
            "pids": { "current": 2, "limit": 30 },
            "blkio": {
                "ioServiceBytesRecursive": [entry("Read", 1), entry("Write", 2), entry("Discard", 0)],
                "ioServicedRecursive": [entry("Read", 3), entry("Write", 4), entry("Discard", 0)],
            },
            "hugetlb": { "2MB": { "usage": 2097152, "failcnt": 3 } },
            "rdma": { "mlx4_0": { "hca_handle": 2, "hca_object": 2000 } },
            "misc": { "res_a": 3, "res_b": 0 },
        });
        assert_eq!(serde_json::to_value(&stats).unwrap(), expected);
        assert_eq!(serde_json::from_value::<Stats>(expected).unwrap(), stats);
    }
}
