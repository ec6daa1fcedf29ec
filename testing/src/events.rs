//! What a crate tells by events of `tracing`.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// The events of one crate on this thread, from [`collect`](Self::collect) until this is dropped.
pub struct Events {
    lines: Arc<Mutex<String>>,
    _guard: DefaultGuard,
    /// While there is just one subscriber, a thread without any that is the first at an event turns it off for all threads:
    /// other tests run in this process.
    _second: Dispatch,
}

impl Events {
    /// Collects the events and spans whose target begins with `target`.
    pub fn collect(target: &'static str) -> Self {
        Self::collect_and(target, |_| {})
    }

    /// As [`collect`](Self::collect), and calls `react` with each event's line before the code that told it continues.
    pub fn collect_and(target: &'static str, react: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let lines = Arc::default();
        let react: React = Box::new(react);
        let collector = Collector { target, lines: Arc::clone(&lines), react };
        let ignore: React = Box::new(|_| {});
        let second = Dispatch::new(Collector { target, lines: Arc::default(), react: ignore });
        Self { lines, _guard: tracing::subscriber::set_default(collector), _second: second }
    }

    /// The events so far, a line each: `LEVEL message=… field=…`.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap().clone()
    }
}

type React = Box<dyn Fn(&str) + Send + Sync>;

struct Collector {
    target: &'static str,
    lines: Arc<Mutex<String>>,
    react: React,
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.target)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(&mut self.lines.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.lines.lock().unwrap()));
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut Fields(&mut line));
        (self.react)(&line);
        line.push('\n');
        self.lines.lock().unwrap().push_str(&line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}
