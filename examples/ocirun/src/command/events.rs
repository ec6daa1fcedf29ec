use std::io::Write as _;
use std::time::Duration;

use oci_runtime::{Container, Stats};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::Result;
use crate::arguments::Arguments;
use crate::global::Global;

/// How often statistics are printed.
const INTERVAL: Duration = Duration::from_secs(5);

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
    loop {
        let stats = container.stats()?;
        if stats.oom_kills > kills {
            print(&json!({ "type": "oom", "id": id }))?;
        }
        kills = stats.oom_kills;
        print(&json!({ "type": "stats", "id": id, "data": data(&stats) }))?;
        if once || has_ended(&container, interval)? {
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
    let mut data = json!({});
    if let Some(total) = stats.cpu_nanoseconds {
        data["cpu"]["usage"]["total"] = total.into();
    }
    if let Some(times) = stats.cpu_throttled {
        data["cpu"]["throttling"]["throttledPeriods"] = times.into();
    }
    if let Some(bytes) = stats.memory_bytes {
        data["memory"]["usage"]["usage"] = bytes.into();
    }
    if let Some(bytes) = stats.memory_peak_bytes {
        data["memory"]["usage"]["max"] = bytes.into();
    }
    if let Some(count) = stats.pids {
        data["pids"]["current"] = count.into();
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
