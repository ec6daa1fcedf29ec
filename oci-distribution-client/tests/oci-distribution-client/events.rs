//! What the client tells by events of `tracing`, and what it never tells.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use oci_distribution_client::Client;
use oci_image::blob::Memory;
use oci_registry::{Auth, Fault, Grant, Store};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

use crate::fixture::{Fixture, config, registry, start};

/// The events of this thread, from its making until it is dropped, a line each.
pub(crate) struct Events {
    lines: Arc<Mutex<String>>,
    _guard: DefaultGuard,
}

impl Events {
    pub(crate) fn collect() -> Self {
        let lines = Arc::default();
        let guard = tracing::subscriber::set_default(Collector(Arc::clone(&lines)));
        Self { lines, _guard: guard }
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().clone()
    }
}

struct Collector(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Collector {
    fn is_ours(metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("oci_distribution_client")
    }
}

impl Subscriber for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        if Self::is_ours(span.metadata()) {
            span.record(&mut Fields(&mut self.0.lock().unwrap()));
        }
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn event(&self, event: &Event<'_>) {
        if Self::is_ours(event.metadata()) {
            let mut lines = self.0.lock().unwrap();
            lines.push_str(event.metadata().level().as_str());
            event.record(&mut Fields(&mut lines));
            lines.push('\n');
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn requests_retries_redirects_mirrors_and_tokens_are_told() {
    let fixture = Fixture::new();
    let mirror = registry().await;
    let auth = Auth::bearer().user("alice", "canary-password", [Grant::all("*")]);
    let registry = start(oci_registry::serve(Store::memory()).auth(auth)).await;
    let (host, mirror_host) = (registry.address().to_string(), mirror.address().to_string());
    let credentials = oci_distribution_client::Credentials::basic("alice", "canary-password");
    let config = config(&registry)
        .plain_http(&mirror_host)
        .mirror(&host, &mirror_host)
        .credentials(&host, credentials);
    let events = Events::collect();
    let repository = Client::new(config).unwrap().repository(&format!("{host}/team/app")).unwrap();
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").await.unwrap();
    let blob = format!("/v2/team/app/blobs/{}", fixture.layers[2].digest);
    registry.registry().add_faults([
        Fault::status("/manifests/", StatusCode::SERVICE_UNAVAILABLE).times(1),
        Fault::redirect(&blob, &format!("{blob}?x=canary-query")).times(1),
    ]);
    let image = repository.resolve("v1").await.unwrap();
    repository.pull(&image, &Arc::new(Memory::new())).await.unwrap();
    let text = events.text();
    for expected in [
        &format!(
            "DEBUG message=received an answer method=HEAD url=\"http://{host}/v2/team/app/manifests/v1\" status=503"
        ),
        "INFO message=retrying method=HEAD attempt=1",
        &format!("DEBUG message=following a redirect from=\"http://{host}\""),
        &format!(
            "INFO message=passing over a mirror mirror={mirror_host} kind=NotFound status=404"
        ),
        &format!("DEBUG message=fetching a token registry={host} realm=\"http://{host}/token\""),
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("canary"), "{text}");
}
