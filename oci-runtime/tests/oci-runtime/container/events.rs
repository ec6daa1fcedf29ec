//! What the feature `tracing` tells about a container.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use oci_runtime::Stdio;
use oci_runtime::spec::{Hook, Hooks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::fixture::{Fixture, chain};

/// Keeps the events of this thread as text, one a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("oci_runtime")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push_str(&format!("{line}\n"));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

#[test]
#[ignore = "needs user namespaces and busybox"]
fn events_tell_each_step_up_to_the_start_and_no_secrets() {
    let mut fixture = Fixture::new().shell("true SECRET");
    fixture.spec.process.as_mut().unwrap().env.push("TOKEN=SECRET".into());
    let mut hook = Hook::new("/bin/true".into());
    hook.args = vec!["true".into(), "SECRET".into()];
    hook.env = vec!["TOKEN=SECRET".into()];
    let mut hooks = Hooks::new();
    hooks.create_runtime = vec![hook];
    fixture.spec.hooks = Some(hooks);
    let lines = Lines::default();
    // While there is just one subscriber, a thread without any that is the first at an event turns it off for all threads:
    // other tests run in this process.
    let _second = tracing::Dispatch::new(Lines::default());
    tracing::subscriber::with_default(lines.clone(), || {
        let container = fixture.create(Stdio::null()).map_err(|error| chain(&error)).unwrap();
        container.start().unwrap();
        container.wait().unwrap();
        container.delete().unwrap();
    });
    let text = lines.0.lock().unwrap().clone();
    assert!(!text.contains("SECRET"), "{text}");
    assert_eq!(text.matches("message=started init").count(), 1, "{text}");
    assert!(text.contains("message=hook ended program=/bin/true"), "{text}");
    let steps: Vec<&str> =
        text.lines().filter(|line| line.starts_with("message=step done")).collect();
    for (index, line) in steps.iter().enumerate() {
        assert!(line.contains(&format!(" number={} ", index + 1)), "{line}");
    }
    for step in ["step=mount proc on /proc", "step=run createRuntime /bin/true", "step=pivot"] {
        assert!(steps.iter().any(|line| line.contains(step)), "{step}: {text}");
    }
}
