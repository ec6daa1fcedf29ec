use std::io::Write as _;
use std::time::{Duration, Instant};

use oci_runtime::spec::Status;
use oci_runtime::{Container, Event, Events};
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
    if container.state()?.status == Status::Stopped {
        return Err(format!("container with id {id} is not running").into());
    }
    if once {
        return print_stats(&container);
    }
    follow(&container, interval)
}

/// Prints events as they happen, and statistics at intervals, until the container has ended.
fn follow(container: &Container, interval: Duration) -> Result<()> {
    let mut events = container.events()?;
    let mut next = Instant::now();
    loop {
        while let Some(event) = events.try_next()? {
            match event {
                Event::OutOfMemory => print(&json!({ "type": "oom", "id": container.id() }))?,
                Event::Exited => return Ok(()),
                _ => {}
            }
        }
        if Instant::now() >= next {
            print_stats(container)?;
            next += interval;
        }
        wait(&events, next.saturating_duration_since(Instant::now()))?;
    }
}

fn print_stats(container: &Container) -> Result<()> {
    print(&json!({ "type": "stats", "id": container.id(), "data": container.stats()? }))
}

/// One line, at once: a reader waits for it.
fn print(event: &Value) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{event}")?)
}

/// Waits for an event, no longer than the limit.
fn wait(events: &Events, limit: Duration) -> Result<()> {
    let limit =
        Timespec { tv_sec: i64::try_from(limit.as_secs())?, tv_nsec: limit.subsec_nanos().into() };
    match poll(&mut [PollFd::new(events, PollFlags::IN)], Some(&limit)) {
        Err(Errno::INTR) => Ok(()),
        ready => Ok(ready.map(drop)?),
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
