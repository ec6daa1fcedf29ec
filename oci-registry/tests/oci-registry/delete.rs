use oci_digest::Digest;
use oci_registry::Store;
use serde_json::json;

use crate::client::{Client, MANIFEST, manifest};

// covers: DIST-DEL-01, DIST-DEL-02
#[tokio::test]
async fn a_deleted_tag_leaves_its_manifest() {
    let client = Client::new().await;
    let digest = client.push_image("a", "v1").await;
    client.push_image("a", "v2").await;
    client.delete("/v2/a/manifests/v1").await.is(202);
    client.get("/v2/a/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
    client.delete("/v2/a/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
    client.get("/v2/a/manifests/v2").await.is(200);
    client.get(&format!("/v2/a/manifests/{digest}")).await.is(200);
}

// covers: DIST-DEL-03
#[tokio::test]
async fn a_deleted_manifest_takes_its_tags_along() {
    let client = Client::new().await;
    let digest = client.push_image("a", "v1").await;
    client.push_image("a", "v2").await;
    let other = manifest(&json!({"annotations": {"other": ""}})).to_string();
    client.put_manifest("a", "v3", MANIFEST, other.as_bytes()).await.is(201);
    client.delete(&format!("/v2/a/manifests/{digest}")).await.is(202);
    client.get(&format!("/v2/a/manifests/{digest}")).await.is(404);
    let tags = client.get("/v2/a/tags/list").await.is(200).json();
    assert_eq!(tags["tags"], json!(["v3"]));
    client.delete(&format!("/v2/a/manifests/{digest}")).await.refused(404, "MANIFEST_UNKNOWN");
    client.delete(&format!("/v2/unknown/manifests/{digest}")).await.refused(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_deleted_manifest_refers_no_more() {
    let client = Client::new().await;
    let subject = client.push_image("a", "v1").await;
    let named = json!({"mediaType": MANIFEST, "digest": subject.as_str(), "size": 5});
    let text = manifest(&json!({"subject": named})).to_string();
    client.put_manifest("a", "r", MANIFEST, text.as_bytes()).await.is(201);
    let path = format!("/v2/a/referrers/{subject}");
    let count = async || client.get(&path).await.json()["manifests"].as_array().unwrap().len();
    // The subject may go; its referrers stay.
    client.delete(&format!("/v2/a/manifests/{subject}")).await.is(202);
    assert_eq!(count().await, 1);
    client.delete(&format!("/v2/a/manifests/{}", Digest::sha256(&text))).await.is(202);
    assert_eq!(count().await, 0);
}

// covers: DIST-DEL-05
#[tokio::test]
async fn a_deleted_blob_is_gone_here_and_only_here() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let client = Client::of(oci_registry::serve(store)).await;
        let digest = client.push_blob("a", b"content").await;
        client.post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a")).await.is(201);
        client.push_blob("c", b"content").await;
        client.delete(&format!("/v2/a/blobs/{digest}")).await.is(202);
        // Read again and again: nothing remembers it.
        for _ in 0..3 {
            client.get(&format!("/v2/a/blobs/{digest}")).await.refused(404, "BLOB_UNKNOWN");
            client.head(&format!("/v2/a/blobs/{digest}")).await.is(404);
        }
        for other in ["b", "c"] {
            let path = format!("/v2/{other}/blobs/{digest}");
            assert_eq!(client.get(&path).await.is(200).body, b"content");
        }
        client.post(&format!("/v2/d/blobs/uploads/?mount={digest}&from=a")).await.is(202);
        client.delete(&format!("/v2/a/blobs/{digest}")).await.refused(404, "BLOB_UNKNOWN");
    }
}

// covers: DIST-DEL-01, DIST-DEL-02, DIST-DEL-03, DIST-DEL-05
#[tokio::test]
async fn each_kind_of_deletion_can_be_disabled() {
    let serve = || oci_registry::serve(Store::memory());
    for (serve, disabled) in [
        (serve().without_tag_deletion(), 0),
        (serve().without_blob_deletion(), 1),
        (serve().without_manifest_deletion(), 2),
    ] {
        let client = Client::of(serve).await;
        let digest = client.push_image("a", "v1").await;
        let paths = [
            "/v2/a/manifests/v1".to_owned(),
            format!("/v2/a/blobs/{}", Digest::EMPTY_JSON),
            format!("/v2/a/manifests/{digest}"),
        ];
        for (kind, path) in paths.iter().enumerate() {
            if kind == disabled {
                client.delete(path).await.refused(405, "UNSUPPORTED");
                client.get(path).await.is(200);
            } else {
                client.delete(path).await.is(202);
                client.get(path).await.is(404);
                // Back again, for the kinds to come.
                client.push_image("a", "v1").await;
            }
        }
    }
}
