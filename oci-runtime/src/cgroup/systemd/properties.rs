//! The limits of a cgroup as properties of a unit ([systemd.resource-control(5)]).
//!
//! [systemd.resource-control(5)]: https://www.freedesktop.org/software/systemd/man/latest/systemd.resource-control.html

use zbus::zvariant::Value;

use crate::plan::CgroupWrite;

/// No limit.
const INFINITY: u64 = u64::MAX;

/// The properties for the limits that systemd knows; the others are only in the files of the cgroup.
pub(super) fn properties(writes: &[CgroupWrite]) -> Vec<(&'static str, Value<'static>)> {
    writes.iter().flat_map(|line| property(&line.file, &line.value)).collect()
}

fn property(file: &str, value: &str) -> Vec<(&'static str, Value<'static>)> {
    let name = match file {
        "cpu.max" => return quota(value).unwrap_or_default(),
        "cpuset.cpus" => return vec![("AllowedCPUs", mask(value).into())],
        "cpuset.mems" => return vec![("AllowedMemoryNodes", mask(value).into())],
        "cpu.weight" => "CPUWeight",
        "io.weight" => "IOWeight",
        "memory.high" => "MemoryHigh",
        "memory.low" => "MemoryLow",
        "memory.max" => "MemoryMax",
        "memory.swap.max" => "MemorySwapMax",
        "pids.max" => "TasksMax",
        _ => return Vec::new(),
    };
    number(value).map(|number| (name, number.into())).into_iter().collect()
}

fn number(text: &str) -> Option<u64> {
    if text == "max" { Some(INFINITY) } else { text.parse().ok() }
}

/// A quota for a period, as one for a second. systemd rounds up to hundredths of a second, and so do we: else the file of the
/// cgroup would change when it loads its configuration.
fn quota(value: &str) -> Option<Vec<(&'static str, Value<'static>)>> {
    let (quota, period) = value.split_once(' ')?;
    let (quota, period) = (number(quota)?, number(period)?);
    let each_second = match quota {
        INFINITY => INFINITY,
        quota => quota
            .saturating_mul(1_000_000)
            .checked_div(period)?
            .div_ceil(10_000)
            .saturating_mul(10_000),
    };
    Some(vec![("CPUQuotaPerSecUSec", each_second.into()), ("CPUQuotaPeriodUSec", period.into())])
}

/// A list such as `0-2,7` as a bit for each number, the lowest first.
fn mask(list: &str) -> Vec<u8> {
    /// More than any kernel has processors.
    const MOST: usize = 8192;
    let mut mask = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
            continue;
        };
        for number in first..=last.min(MOST) {
            let byte = number / 8;
            if mask.len() <= byte {
                mask.resize(byte + 1, 0);
            }
            if let Some(byte) = mask.get_mut(byte) {
                *byte |= 1 << (number % 8);
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_properties() {
        let bytes = |bytes: &[u8]| Value::from(bytes.to_vec());
        for (file, value, expected) in [
            ("cpu.weight", "39", vec![("CPUWeight", Value::from(39u64))]),
            ("memory.max", "1000", vec![("MemoryMax", 1000u64.into())]),
            ("memory.swap.max", "max", vec![("MemorySwapMax", INFINITY.into())]),
            ("pids.max", "20", vec![("TasksMax", 20u64.into())]),
            (
                "cpu.max",
                "50000 200000",
                vec![
                    ("CPUQuotaPerSecUSec", 250_000u64.into()),
                    ("CPUQuotaPeriodUSec", 200_000u64.into()),
                ],
            ),
            (
                "cpu.max",
                "1001 100000",
                vec![
                    ("CPUQuotaPerSecUSec", 20_000u64.into()),
                    ("CPUQuotaPeriodUSec", 100_000u64.into()),
                ],
            ),
            (
                "cpu.max",
                "max 100000",
                vec![
                    ("CPUQuotaPerSecUSec", INFINITY.into()),
                    ("CPUQuotaPeriodUSec", 100_000u64.into()),
                ],
            ),
            ("cpu.max", "1 0", vec![]),
            ("cpuset.cpus", "0-2,9", vec![("AllowedCPUs", bytes(&[0b111, 0b10]))]),
            ("cpuset.mems", "0", vec![("AllowedMemoryNodes", bytes(&[1]))]),
            ("hugetlb.2MB.max", "0", vec![]),
        ] {
            assert_eq!(property(file, value), expected, "{file} {value}");
        }
    }
}
