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
        let lines = Arc::default();
        let collector = Collector { target, lines: Arc::clone(&lines) };
        let second = Dispatch::new(Collector { target, lines: Arc::default() });
        Self { lines, _guard: tracing::subscriber::set_default(collector), _second: second }
    }

    /// The events so far, a line each: `LEVEL message=… field=…`.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap().clone()
    }
}

struct Collector {
    target: &'static str,
    lines: Arc<Mutex<String>>,
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
        let mut lines = self.lines.lock().unwrap();
        lines.push_str(event.metadata().level().as_str());
        event.record(&mut Fields(&mut lines));
        lines.push('\n');
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
