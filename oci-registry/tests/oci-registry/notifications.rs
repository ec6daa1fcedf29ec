use std::sync::{Arc, Mutex};

use oci_digest::Digest;
use oci_registry::{Event, EventAction, Store};

use crate::client::{Client, MANIFEST};

fn shown(event: &Event) -> String {
    let Event { action, repository, media_type, size, from, .. } = event;
    let tag = event.tag.as_ref().map_or("-", |tag| tag.as_str());
    let has_digest = event.digest.is_some();
    let media_type = media_type.as_deref().map(|it| it == MANIFEST);
    let from = from.as_ref().map_or("-", |from| from.as_str());
    format!("{action:?} {repository} {tag} {has_digest} {media_type:?} {size:?} {from}")
}

#[tokio::test]
async fn what_is_pushed_pulled_mounted_and_deleted_is_told() {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let told = events.clone();
    let serve = oci_registry::serve(Store::memory())
        .on_event(move |event| told.lock().unwrap().push(event.clone()));
    let client = Client::of(serve).await;
    let manifest = client.push_image("a", "v1").await;
    client.head("/v2/a/manifests/v1").await.is(200);
    client.get(&format!("/v2/a/blobs/{}", Digest::EMPTY_JSON)).await.is(200);
    let mount = format!("/v2/b/blobs/uploads/?mount={}&from=a", Digest::EMPTY_JSON);
    client.post(&mount).await.is(201);
    let single = format!("/v2/b/blobs/uploads/?digest={}", Digest::sha256(""));
    client.post(&single).await.is(201);
    client.delete("/v2/a/manifests/v1").await.is(202);
    client.delete(&format!("/v2/a/manifests/{manifest}")).await.is(202);
    client.delete(&format!("/v2/a/blobs/{}", Digest::EMPTY_JSON)).await.is(202);
    // What is not there, or is only listed, is not an event.
    client.get("/v2/a/manifests/v1").await.is(404);
    client.get("/v2/a/tags/list").await.is(200);
    client.session("a").await;
    let mount = format!("/v2/b/blobs/uploads/?mount={}&from=a", Digest::sha256("x"));
    client.post(&mount).await.is(202);
    let events = events.lock().unwrap();
    let size = client_manifest_size();
    let expected = [
        "Push a - true None None -".to_owned(),
        format!("Push a v1 true Some(true) Some({size}) -"),
        format!("Pull a v1 true Some(true) Some({size}) -"),
        "Pull a - true None Some(2) -".to_owned(),
        "Mount b - true None None a".to_owned(),
        "Push b - true None None -".to_owned(),
        "Delete a v1 false None None -".to_owned(),
        "Delete a - true None None -".to_owned(),
        "Delete a - true None None -".to_owned(),
    ];
    assert_eq!(events.iter().map(shown).collect::<Vec<_>>(), expected);
    let pulled = &events[2];
    assert_eq!(pulled.action, EventAction::Pull);
    assert_eq!(pulled.digest, Some(manifest.clone()));
    assert_eq!(pulled.path, format!("/v2/a/manifests/{manifest}"));
    assert_eq!(pulled.host, client.server.address().to_string());
    assert!(pulled.caller.peer.is_some());
}

fn client_manifest_size() -> usize {
    crate::client::manifest(&serde_json::json!({})).to_string().len()
}
