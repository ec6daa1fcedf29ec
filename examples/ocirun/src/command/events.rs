use std::io::Write as _;
use std::time::{Duration, Instant};

use oci_runtime::{Container, Stats};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

/// How often statistics are printed.
const INTERVAL: Duration = Duration::from_secs(5);

/// How often it is looked whether memory ran out.
const OOM_CHECK: Duration = Duration::from_secs(1);

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<()> {
    let (mut once, mut interval) = (false, INTERVAL);
    let id = arguments.id(|name, arguments| {
        match name {
            "stats" => once = arguments.is_set()?,
            "interval" => interval = duration(&arguments.value()?)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let container = global.container(&id)?;
    let mut kills = container.stats()?.oom_kills;
    let mut next = Instant::now();
    loop {
        let stats = container.stats()?;
        if stats.oom_kills > kills {
            print(&json!({ "type": "oom", "id": id }))?;
        }
        kills = stats.oom_kills;
        if Instant::now() >= next {
            print(&json!({ "type": "stats", "id": id, "data": data(&stats) }))?;
            next += interval;
        }
        if once || has_ended(&container, interval.min(OOM_CHECK))? {
            return Ok(());
        }
    }
}

/// One line, at once: a reader waits for it.
fn print(event: &Value) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{event}")?)
}

/// The members of runc's statistics that are counted here.
fn data(stats: &Stats) -> Value {
    let members = [
        ("/cpu/usage/total", stats.cpu_nanoseconds),
        ("/cpu/usage/user", stats.cpu_user_nanoseconds),
        ("/cpu/usage/kernel", stats.cpu_system_nanoseconds),
        ("/cpu/throttling/periods", stats.cpu_periods),
        ("/cpu/throttling/throttledPeriods", stats.cpu_throttled),
        ("/cpu/throttling/throttledTime", stats.cpu_throttled_nanoseconds),
        ("/memory/cache", stats.memory_cache_bytes),
        ("/memory/usage/usage", stats.memory_bytes),
        ("/memory/usage/max", stats.memory_peak_bytes),
        ("/memory/usage/limit", stats.memory_limit_bytes),
        ("/memory/raw/swap", stats.swap_bytes),
        ("/pids/current", stats.pids),
        ("/pids/limit", stats.pids_limit),
    ];
    let mut data = json!({});
    for (pointer, number) in members {
        let Some(number) = number else { continue };
        let mut place = &mut data;
        for name in pointer.split('/').skip(1) {
            place = &mut place[name];
        }
        *place = number.into();
    }
    data
}

/// Waits until the container has ended, or for the interval.
fn has_ended(container: &Container, interval: Duration) -> Result<bool> {
    let limit = Timespec {
        tv_sec: i64::try_from(interval.as_secs())?,
        tv_nsec: interval.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(container, PollFlags::IN)], Some(&limit)) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

/// A time such as `5s`, `500ms` or `1m`.
fn duration(text: &str) -> Result<Duration> {
    let wrong = || format!("`{text}` is not a time such as 500ms, 5s or 1m");
    let digits = text.trim_end_matches(|char: char| !char.is_ascii_digit());
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    let unit = match text.get(digits.len()..) {
        Some("ms") => Duration::from_millis(1),
        Some("s") => Duration::from_secs(1),
        Some("m") => Duration::from_secs(60),
        _ => return Err(wrong().into()),
    };
    let duration = unit.saturating_mul(number);
    if duration.is_zero() { Err(wrong().into()) } else { Ok(duration) }
}
