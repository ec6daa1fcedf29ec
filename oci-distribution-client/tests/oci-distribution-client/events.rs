//! What the client tells by events of `tracing`, and what it never tells.

use std::sync::Arc;

use http::StatusCode;
use oci_distribution_client::Client;
use oci_image::blob::Memory;
use oci_registry::{Auth, Fault, Grant, Store};
use oci_testing::events::Events;

use crate::fixture::{Fixture, config, registry, start};

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
    let events = Events::collect("oci_distribution_client");
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
