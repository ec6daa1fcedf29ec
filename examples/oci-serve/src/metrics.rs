use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci_registry::{Exchange, Registry};

/// What was asked and answered since the start, for Prometheus.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(&'static str, &'static str, u16), u64>,
    endpoints: BTreeMap<&'static str, Endpoint>,
    lost_lines: u64,
    notified: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
struct Endpoint {
    received: u64,
    sent: u64,
    seconds: f64,
    count: u64,
    /// How many took no longer than each of the [`BOUNDS`].
    within: [u64; BOUNDS.len()],
}

/// Upper bounds of the histogram, in seconds.
const BOUNDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// Methods that are told apart: clients can make up more.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// What became of an event and a program that is told of it.
#[derive(Clone, Copy)]
pub(crate) enum Notified {
    Sent,
    /// It did not take it.
    Failed,
    /// Too many waited.
    Lost,
}

impl Notified {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

impl Metrics {
    pub(crate) fn count(&self, exchange: &Exchange) {
        let endpoint = exchange.endpoint.unwrap_or("none");
        let method = METHODS.iter().find(|method| **method == exchange.method.as_str());
        let key = (endpoint, method.copied().unwrap_or("other"), exchange.status.as_u16());
        let mut counts = self.lock();
        *counts.requests.entry(key).or_default() += 1;
        let endpoint = counts.endpoints.entry(endpoint).or_default();
        endpoint.received += exchange.received;
        endpoint.sent += exchange.sent;
        endpoint.count += 1;
        let seconds = exchange.elapsed.as_secs_f64();
        endpoint.seconds += seconds;
        for (within, bound) in endpoint.within.iter_mut().zip(BOUNDS) {
            *within += u64::from(seconds <= bound);
        }
    }

    pub(crate) fn notified(&self, how: Notified) {
        *self.lock().notified.entry(how.name()).or_default() += 1;
    }

    pub(crate) fn lost_line(&self) {
        self.lock().lost_lines += 1;
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self, registry: &Registry) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.lock().write(registry.open_uploads(), &mut text);
        text
    }

    /// Counts are independent of each other, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn write(&self, uploads: usize, to: &mut String) -> fmt::Result {
        writeln!(to, "# TYPE oci_serve_requests_total counter")?;
        for ((endpoint, method, status), count) in &self.requests {
            let labels = format!("endpoint=\"{endpoint}\",method=\"{method}\",status=\"{status}\"");
            writeln!(to, "oci_serve_requests_total{{{labels}}} {count}")?;
        }
        writeln!(to, "# TYPE oci_serve_received_bytes_total counter")?;
        for (name, it) in &self.endpoints {
            let received = it.received;
            writeln!(to, "oci_serve_received_bytes_total{{endpoint=\"{name}\"}} {received}")?;
        }
        writeln!(to, "# TYPE oci_serve_sent_bytes_total counter")?;
        for (name, it) in &self.endpoints {
            writeln!(to, "oci_serve_sent_bytes_total{{endpoint=\"{name}\"}} {}", it.sent)?;
        }
        writeln!(to, "# TYPE oci_serve_request_seconds histogram")?;
        for (name, it) in &self.endpoints {
            it.write_histogram(&format!("endpoint=\"{name}\""), to)?;
        }
        writeln!(to, "# TYPE oci_serve_open_uploads gauge\noci_serve_open_uploads {uploads}")?;
        writeln!(to, "# TYPE oci_serve_notifications_total counter")?;
        for (result, count) in &self.notified {
            writeln!(to, "oci_serve_notifications_total{{result=\"{result}\"}} {count}")?;
        }
        writeln!(to, "# TYPE oci_serve_lost_log_lines_total counter")?;
        writeln!(to, "oci_serve_lost_log_lines_total {}", self.lost_lines)
    }
}

impl Endpoint {
    fn write_histogram(&self, label: &str, to: &mut String) -> fmt::Result {
        let Self { seconds, count, .. } = self;
        for (bound, within) in BOUNDS.iter().zip(self.within) {
            writeln!(to, "oci_serve_request_seconds_bucket{{{label},le=\"{bound}\"}} {within}")?;
        }
        writeln!(to, "oci_serve_request_seconds_bucket{{{label},le=\"+Inf\"}} {count}")?;
        writeln!(to, "oci_serve_request_seconds_sum{{{label}}} {seconds}")?;
        writeln!(to, "oci_serve_request_seconds_count{{{label}}} {count}")
    }
}
