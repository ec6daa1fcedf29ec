//! Several servers over one object store.

use std::sync::Arc;

use object_store::memory::InMemory;
use oci_digest::Digest;
use oci_registry::Store;
use oci_registry::store::{Objects, conformance};
use reqwest::Method;

use crate::client::{Client, MANIFEST, manifest};

fn over(objects: &Arc<InMemory>) -> Store {
    Store::new(Objects::new(objects.clone()))
}

async fn replicas(objects: &Arc<InMemory>) -> [Client; 3] {
    let replica = async || Client::of(oci_registry::serve(over(objects))).await;
    [replica().await, replica().await, replica().await]
}

#[tokio::test]
async fn objects_keep_the_contract() {
    for in_order in [false, true] {
        let objects = Objects::new(Arc::new(InMemory::new()));
        let store = Store::new(if in_order { objects.in_order() } else { objects });
        conformance::blobs(store.backend()).await.unwrap();
        conformance::records(store.backend()).await.unwrap();
    }
    let objects = Arc::new(InMemory::new());
    conformance::sessions(async || over(&objects)).await.unwrap();
}

#[tokio::test]
async fn an_upload_is_continued_by_any_replica() {
    let objects = Arc::new(InMemory::new());
    let [first, second, third] = replicas(&objects).await;
    // One part is so large that it is sent in several.
    let content: Vec<u8> = (0..=255).cycle().take(20 << 20).collect();
    let digest = Digest::sha256(&content);
    let session = first.session("a").await;
    second.patch(&session, None, &content[..100]).await.is(202);
    third.patch(&session, Some("100-18874367"), &content[100..18 << 20]).await.is(202);
    // Whoever is behind learns where the upload stands.
    let answer = first.patch(&session, Some("0-99"), &content[..100]).await.is(416);
    assert_eq!(answer.header("range"), Some("0-18874367"));
    second.put(&format!("{session}?digest={digest}"), &content[18 << 20..]).await.is(201);
    let read = third.get(&format!("/v2/a/blobs/{digest}")).await.is(200);
    assert!(read.body == content);
    for client in [&first, &second, &third] {
        client.get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
    let session = third.session("a").await;
    first.patch(&session, None, b"half").await.is(202);
    second.delete(&session).await.is(204);
    third.patch(&session, None, b"rest").await.is(404);
}

#[tokio::test]
async fn one_of_many_replicas_sets_a_tag_that_must_be_absent() {
    let objects = Arc::new(InMemory::new());
    let clients = replicas(&objects).await;
    clients[0].push_blob("a", b"{}").await;
    for round in 0..5 {
        let put = async |client: &Client, number: usize| {
            let text = manifest(&serde_json::json!({"annotations": {"of": number.to_string()}}));
            let path = format!("/v2/a/manifests/t{round}");
            let request = client.request(Method::PUT, &path).header("content-type", MANIFEST);
            let request = request.header("if-none-match", "*").body(text.to_string());
            client.send(request).await.status.as_u16()
        };
        let [first, second, third] = &clients;
        let (a, b, c) = tokio::join!(put(first, 1), put(second, 2), put(third, 3));
        let mut statuses = [a, b, c];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 412, 412]);
    }
}

#[tokio::test]
async fn what_a_replica_acknowledged_outlives_it() {
    let objects = Arc::new(InMemory::new());
    let mut tags = Vec::new();
    for round in 0..6 {
        // Each is gone after one push, and what it was doing besides is broken off.
        let client = Client::of(oci_registry::serve(over(&objects))).await;
        let tag = format!("v{round}");
        let digest = client.push_image("a/b", &tag).await;
        tags.push(tag);
        let open = client.session("a/b").await;
        let other = client.clone();
        let broken = tokio::spawn(async move {
            let body = vec![1; 9 << 20];
            let _ = other.request(Method::PATCH, &open).body(body).send().await;
        });
        client.get(&format!("/v2/a/b/manifests/{digest}")).await.is(200);
        drop(client);
        broken.abort();
        let client = Client::of(oci_registry::serve(over(&objects))).await;
        let listed = client.get("/v2/a/b/tags/list").await.json()["tags"].clone();
        assert_eq!(listed, serde_json::json!(tags));
        client.get(&format!("/v2/a/b/manifests/{digest}")).await.is(200);
        client.get(&format!("/v2/a/b/blobs/{}", Digest::EMPTY_JSON)).await.is(200);
    }
}

#[tokio::test]
async fn clients_are_sent_to_the_object_of_a_blob() {
    let objects = Objects::new(Arc::new(InMemory::new())).redirects(|path| {
        Box::pin(async move { Ok(format!("https://bucket.example/{path}?signed")) })
    });
    let client = Client::of(oci_registry::serve(Store::new(objects))).await;
    let digest = client.push_blob("a", b"content").await;
    let path = format!("/v2/a/blobs/{digest}");
    let answer = client.get(&path).await.is(307);
    let location = answer.header("location").unwrap();
    assert!(location.starts_with("https://bucket.example/data/"), "{location}");
    assert!(location.ends_with("?signed"), "{location}");
    let head = client.head(&path).await.is(200);
    assert_eq!(head.header("content-length"), Some("7"));
}
