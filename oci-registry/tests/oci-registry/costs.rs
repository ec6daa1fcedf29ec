//! What calls of the API cost in calls to an object store.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use oci_digest::Digest;
use oci_registry::Store;
use oci_registry::store::Objects;
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, MANIFEST, manifest};

/// Counts what is asked of it.
#[derive(Debug, Default)]
struct Counted {
    store: InMemory,
    calls: [AtomicUsize; 4],
}

#[derive(Clone, Copy)]
enum Kind {
    Get,
    Put,
    List,
    Delete,
}

impl Counted {
    fn count(&self, kind: Kind) {
        self.calls[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> [usize; 4] {
        self.calls.each_ref().map(|count| count.swap(0, Ordering::Relaxed))
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counted")
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, at: &Path, it: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count(Kind::Put);
        self.store.put_opts(at, it, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.count(Kind::Put);
        self.store.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(Kind::Get);
        self.store.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.count(Kind::Delete);
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(Kind::List);
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count(Kind::List);
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.count(Kind::Put);
        self.store.copy_opts(from, to, options).await
    }
}

/// Rows as the README has them.
struct Table {
    counted: Arc<Counted>,
    rows: Mutex<Vec<String>>,
}

impl Table {
    fn row(&self, call: &str) {
        let [get, put, list, delete] = self.counted.take();
        self.rows.lock().unwrap().push(format!("| {call} | {get} | {put} | {list} | {delete} |"));
    }
}

#[tokio::test]
async fn each_call_costs_what_the_readme_says() {
    let counted = Arc::new(Counted::default());
    let table = Table { counted: counted.clone(), rows: Mutex::default() };
    let objects = Objects::new(counted.clone()).in_order();
    let client = Client::of(oci_registry::serve(Store::new(objects))).await;
    // The first write to a repository costs one put more.
    let config = client.push_blob("a", b"{}").await;
    client.push_blob("b", b"{}").await;
    counted.take();

    let layer = Digest::sha256("layer");
    let single = format!("/v2/a/blobs/uploads/?digest={layer}");
    client.send(client.request(Method::POST, &single).body("layer")).await.is(201);
    table.row("push a blob of up to 8 MiB in one `POST`");
    let session = client.session("a").await;
    table.row("begin an upload");
    client.patch(&session, None, b"content").await.is(202);
    table.row("`PATCH` of up to 8 MiB");
    let content = Digest::sha256("content");
    client.put(&format!("{session}?digest={content}"), b"").await.is(201);
    table.row("complete an upload of one `PATCH`");
    client.post(&format!("/v2/b/blobs/uploads/?mount={layer}&from=a")).await.is(201);
    table.row("mount a blob");
    let descriptor = json!({"mediaType": "a/b", "digest": layer.as_str(), "size": 5});
    let image = manifest(&json!({"layers": [descriptor]})).to_string();
    client.put_manifest("a", "v1", MANIFEST, image.as_bytes()).await.is(201);
    table.row("`PUT` a manifest of a config and a layer by tag");
    let digest = Digest::sha256(&image);
    let subject = json!({"mediaType": MANIFEST, "digest": digest.as_str(), "size": 1});
    let text = manifest(&json!({"subject": subject})).to_string();
    let signature = Digest::sha256(&text);
    client.put_manifest("a", signature.as_str(), MANIFEST, text.as_bytes()).await.is(201);
    table.row("`PUT` a manifest of a config with a subject by digest");
    client.get("/v2/a/manifests/v1").await.is(200);
    table.row("`GET` or `HEAD` a manifest by tag");
    client.get(&format!("/v2/a/manifests/{digest}")).await.is(200);
    table.row("`GET` or `HEAD` a manifest by digest");
    client.head(&format!("/v2/a/blobs/{layer}")).await.is(200);
    table.row("`HEAD` a blob, or `GET` with redirects");
    client.get(&format!("/v2/a/blobs/{layer}")).await.is(200);
    table.row("`GET` a blob");
    client.get("/v2/a/tags/list").await.is(200);
    table.row("list tags, a page");
    client.get(&format!("/v2/a/referrers/{digest}")).await.is(200);
    table.row("list referrers, a page of one");
    client.get("/v2/_catalog").await.is(200);
    table.row("list repositories, a page");
    client.delete("/v2/a/manifests/v1").await.is(202);
    table.row("`DELETE` a tag");
    client.delete(&format!("/v2/a/blobs/{config}")).await.is(202);
    table.row("`DELETE` a blob");

    let rows = table.rows.into_inner().unwrap().join("\n");
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&rows), "the README does not have\n{rows}");
}
