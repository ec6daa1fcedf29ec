use std::time::{Duration, SystemTime};

/// How long to wait by the value of a `Retry-After` header: seconds, or a date after `now`.
///
/// A date that has passed is no wait; what is neither is `None`.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_ascii();
    if let Some(seconds) = super::range::number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}
