//! The backends of the crate keep the contract of backends.

use std::path::Path;

use oci_digest::Digest;
use oci_registry::Store;
use oci_registry::store::conformance;

use crate::client::Client;
use crate::store::reopen;

#[tokio::test]
async fn memory_keeps_the_contract() {
    let store = Store::memory();
    conformance::blobs(store.backend()).await.unwrap();
    conformance::records(store.backend()).await.unwrap();
}

#[tokio::test]
async fn a_directory_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::directory(directory.path()).unwrap();
    conformance::blobs(store.backend()).await.unwrap();
    conformance::records(store.backend()).await.unwrap();
    drop(store);
    conformance::sessions(async || reopen(directory.path()).await).await.unwrap();
}

async fn serve(path: &Path) -> Client {
    Client::of(oci_registry::serve(reopen(path).await)).await
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let client = serve(directory.path()).await;
    let session = client.session("a/b").await;
    client.patch(&session, None, b"cont").await.is(202);
    drop(client);
    let client = serve(directory.path()).await;
    client.get(&session.replace("/a/b/", "/a/")).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    let answer = client.get(&session).await.is(204);
    assert_eq!(answer.header("range"), Some("0-3"));
    assert_eq!(client.server.registry().open_uploads(), 1);
    client.patch(&session, Some("3-3"), b"t").await.is(416);
    client.patch(&session, Some("4-4"), b"e").await.is(202);
    drop(client);
    let client = serve(directory.path()).await;
    let digest = Digest::sha256("content");
    client.put(&format!("{session}?digest={digest}"), b"no").await.refused(400, "DIGEST_INVALID");
    client.get(&session).await.is(404);
    let session = client.session("a/b").await;
    client.patch(&session, None, b"conte").await.is(202);
    drop(client);
    let client = serve(directory.path()).await;
    client.put(&format!("{session}?digest={digest}"), b"nt").await.is(201);
    assert_eq!(client.get(&format!("/v2/a/b/blobs/{digest}")).await.is(200).body, b"content");
    assert_eq!(std::fs::read_dir(directory.path().join("uploads")).unwrap().count(), 0);
}
