use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::{Descriptor, MediaType, RepositoryName, TagOrDigest};
use oci_registry::{Body, BoxFuture, Fault, Store, Upstream};
use reqwest::Method;
use tokio::sync::watch;

use crate::client::{Answer, Client};

/// Another registry, which can be away, and whose blobs can be held back.
#[derive(Clone)]
struct Origin {
    client: Client,
    asked: Arc<Mutex<Vec<String>>>,
    is_away: watch::Sender<bool>,
    /// Of the content of blobs, only the first byte is let through.
    is_held: watch::Sender<bool>,
    downloads: Arc<AtomicUsize>,
}

impl Origin {
    async fn new() -> Self {
        Self {
            client: Client::new().await,
            asked: Arc::default(),
            is_away: watch::Sender::new(false),
            is_held: watch::Sender::new(false),
            downloads: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    async fn ask(&self, method: Method, path: &str) -> io::Result<Option<Answer>> {
        if *self.is_away.borrow() {
            return Err(io::Error::other("away"));
        }
        self.asked.lock().unwrap().push(format!("{method} {path}"));
        let answer = self.client.send(self.client.request(method, path)).await;
        Ok((answer.status == 200).then_some(answer))
    }
}

fn size(answer: &Answer) -> u64 {
    answer.header("content-length").unwrap().parse().unwrap()
}

impl Upstream for Origin {
    fn resolve<'a>(
        &'a self,
        repository: &'a RepositoryName,
        reference: &'a TagOrDigest,
    ) -> BoxFuture<'a, io::Result<Option<Descriptor>>> {
        Box::pin(async move {
            let path = format!("/v2/{repository}/manifests/{reference}");
            Ok(self.ask(Method::HEAD, &path).await?.map(|answer| {
                let media_type = MediaType::from(answer.header("content-type").unwrap().to_owned());
                let digest = answer.header("docker-content-digest").unwrap().parse().unwrap();
                Descriptor::new(media_type, digest, size(&answer))
            }))
        })
    }

    fn manifest<'a>(
        &'a self,
        repository: &'a RepositoryName,
        manifest: &'a Descriptor,
    ) -> BoxFuture<'a, io::Result<Option<Bytes>>> {
        Box::pin(async move {
            let path = format!("/v2/{repository}/manifests/{}", manifest.digest);
            Ok(self.ask(Method::GET, &path).await?.map(|answer| answer.body.into()))
        })
    }

    fn blob_size<'a>(
        &'a self,
        repository: &'a RepositoryName,
        blob: &'a Digest,
    ) -> BoxFuture<'a, io::Result<Option<u64>>> {
        Box::pin(async move {
            let path = format!("/v2/{repository}/blobs/{blob}");
            Ok(self.ask(Method::HEAD, &path).await?.map(|answer| size(&answer)))
        })
    }

    fn blob<'a>(
        &'a self,
        repository: &'a RepositoryName,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, io::Result<Body>> {
        Box::pin(async move {
            self.downloads.fetch_add(1, Ordering::Relaxed);
            let path = format!("/v2/{repository}/blobs/{}", blob.digest);
            let content = self.ask(Method::GET, &path).await?.unwrap().body;
            let rest = Bytes::from(content).split_off(0);
            let (first, rest) = (rest.slice(..1), rest.slice(1..));
            let mut is_held = self.is_held.subscribe();
            let pieces = futures_util::stream::once(async move { Ok(first) });
            let rest = futures_util::stream::once(async move {
                is_held.wait_for(|is_held| !is_held).await.unwrap();
                Ok(rest)
            });
            let pieces = futures_util::StreamExt::chain(pieces, rest);
            Ok(Body::stream(pieces))
        })
    }
}

async fn proxy(store: &Store, origin: &Origin) -> Client {
    Client::of(oci_registry::serve(store.clone()).proxy("origin.example", origin.clone())).await
}

// covers: DIST-PROXY-01, DIST-PROXY-02
#[tokio::test]
async fn what_is_pulled_once_is_kept_and_tags_are_looked_up_again() {
    let (origin, store) = (Origin::new().await, Store::memory());
    let first = origin.client.push_image("a/b", "v1").await;
    let proxy = proxy(&store, &origin).await;
    let answer = proxy.get("/v2/a/b/manifests/v1?ns=origin.example").await.is(200);
    assert_eq!(answer.header("oci-namespace"), Some("origin.example"));
    assert_eq!(Digest::sha256(&answer.body), first);
    let blob = format!("/v2/a/b/blobs/{}", Digest::EMPTY_JSON);
    assert_eq!(proxy.get(&blob).await.is(200).body, b"{}");
    origin.asked();
    proxy.get("/v2/a/b/manifests/v1").await.is(200);
    proxy.get(&format!("/v2/a/b/manifests/{first}")).await.is(200);
    assert_eq!(origin.asked(), ["HEAD /v2/a/b/manifests/v1"]);
    // The tag moves, and what it named stays.
    origin.client.push_blob("a/b", b"config").await;
    let second = crate::client::manifest(&serde_json::json!({"annotations": {"a": "b"}}));
    let second = second.to_string();
    let put = origin.client.put_manifest("a/b", "v1", crate::client::MANIFEST, second.as_bytes());
    put.await.is(201);
    assert_eq!(proxy.get("/v2/a/b/manifests/v1").await.is(200).body, second.as_bytes());
    proxy.get(&format!("/v2/a/b/manifests/{first}")).await.is(200);
    // What is nowhere is told as such, and pushes are not for a proxy.
    proxy.get("/v2/a/b/manifests/v2").await.refused(404, "MANIFEST_UNKNOWN");
    let absent = Digest::sha256("absent");
    proxy.get(&format!("/v2/a/b/blobs/{absent}")).await.refused(404, "BLOB_UNKNOWN");
    proxy.post("/v2/a/b/blobs/uploads/").await.refused(405, "UNSUPPORTED");
    proxy.get("/v2/a/b/manifests/v1?ns=other.example").await.refused(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn what_is_kept_is_served_while_the_origin_is_away() {
    let (origin, store) = (Origin::new().await, Store::memory());
    origin.client.push_image("a", "v1").await;
    let proxy = proxy(&store, &origin).await;
    let manifest = proxy.get("/v2/a/manifests/v1").await.is(200);
    assert_eq!(manifest.header("warning"), None);
    origin.is_away.send_replace(true);
    let stale = proxy.get("/v2/a/manifests/v1").await.is(200);
    assert_eq!(stale.body, manifest.body);
    assert!(stale.header("warning").unwrap().starts_with("299 "));
    proxy.get("/v2/a/manifests/v2").await.refused(502, "UPSTREAM_UNAVAILABLE");
    let blob = format!("/v2/a/blobs/{}", Digest::EMPTY_JSON);
    proxy.get(&blob).await.refused(502, "UPSTREAM_UNAVAILABLE");
    origin.is_away.send_replace(false);
    proxy.get(&blob).await.is(200);
}

#[tokio::test]
async fn one_download_serves_all_that_wait_while_it_arrives() {
    let (origin, store) = (Origin::new().await, Store::memory());
    let content = vec![7; 700_000];
    let digest = origin.client.push_blob("a", &content).await;
    let proxy = proxy(&store, &origin).await;
    let path = format!("/v2/a/blobs/{digest}");
    origin.is_held.send_replace(true);
    let mut first = proxy.request(Method::GET, &path).send().await.unwrap();
    // It is there before the rest is.
    assert_eq!(first.chunk().await.unwrap().unwrap(), content[..1]);
    let waiting = (0..8).map(|_| {
        let (proxy, path) = (proxy.clone(), path.clone());
        tokio::spawn(async move { proxy.request(Method::GET, &path).send().await.unwrap() })
    });
    let mut answers = Vec::new();
    for answer in waiting.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap());
    }
    proxy.head(&path).await.is(200);
    // Who gives up does not take it from the others.
    drop(first);
    origin.is_held.send_replace(false);
    for answer in answers {
        assert_eq!(answer.bytes().await.unwrap(), content);
    }
    assert_eq!(origin.downloads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn content_that_is_wrong_is_neither_served_whole_nor_kept() {
    let (origin, store) = (Origin::new().await, Store::memory());
    let digest = origin.client.push_blob("a", b"the right content").await;
    let proxy = proxy(&store, &origin).await;
    let path = format!("/v2/a/blobs/{digest}");
    origin.client.server.registry().add_faults([Fault::wrong_bytes("/blobs/")]);
    let answer = proxy.request(Method::GET, &path).send().await.unwrap();
    assert!(answer.bytes().await.is_err());
    origin.client.server.registry().clear_faults();
    // The failed download may still be on its way out.
    let answer = loop {
        let answer = proxy.request(Method::GET, &path).send().await.unwrap();
        if let Ok(content) = answer.bytes().await {
            break content;
        }
    };
    assert_eq!(answer, b"the right content".as_slice());
}

#[tokio::test]
async fn each_registry_has_repositories_of_its_own() {
    let (first, second) = (Origin::new().await, Origin::new().await);
    first.client.push_image("a", "v1").await;
    second.client.push_image("b", "v1").await;
    let serve = oci_registry::serve(Store::memory())
        .proxy("first.example", first)
        .proxy("second.example:5000", second);
    let proxy = Client::of(serve).await;
    proxy.get("/v2/a/manifests/v1").await.is(200);
    let answer = proxy.get("/v2/b/manifests/v1?ns=second.example:5000").await.is(200);
    assert_eq!(answer.header("oci-namespace"), Some("second.example:5000"));
    proxy.get("/v2/b/manifests/v1").await.refused(404, "MANIFEST_UNKNOWN");
    proxy.get("/v2/a/manifests/v1?ns=second.example:5000").await.is(404);
    // A repository of the first cannot be one of the second's.
    let path = "/v2/second.example-5000/b/manifests/v1";
    proxy.get(path).await.refused(404, "NAME_UNKNOWN");
}
