use std::io;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use oci_digest::Digest;
use oci_registry::store::{
    Backend, Blob, BoxFuture, Collection, Condition, Filter, Record, Resumed, Session, Stage,
    Value, Write,
};
use oci_registry::{Action, Auth, Grant, RepositoryName, Store};
use reqwest::Method;
use serde_json::json;

use crate::client::Client;

// covers: DIST-ERR-01, DIST-ERR-02, DIST-ERR-03
#[tokio::test]
async fn errors_have_the_form_of_the_specification() {
    let client = Client::new().await;
    let answer = client.get("/v2/a/manifests/v1").await.is(404);
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap();
    assert_eq!((body.as_object().unwrap().len(), errors.len()), (1, 1));
    assert_eq!(errors[0]["code"], "NAME_UNKNOWN");
    assert_eq!(errors[0]["message"], "there is no repository `a` here");
    assert_eq!(errors[0]["detail"], json!({"name": "a", "tag": "v1"}));
    let head = client.head("/v2/a/manifests/v1").await.is(404);
    assert_eq!(head.header("content-length"), answer.header("content-length"));
}

#[tokio::test]
async fn errors_say_in_their_detail_what_they_are_about() {
    let auth = Auth::basic().anonymous([Grant::new("a", Action::ALL)]);
    let client = Client::of(oci_registry::serve(Store::memory()).auth(auth)).await;
    let digest = Digest::sha256("x");
    let session = "00000000-0000-4000-8000-000000000000";
    for (path, code, detail) in [
        ("/v2/A/tags/list".to_owned(), "NAME_INVALID", json!({"path": "/v2/A/tags/list"})),
        ("/v2/b/tags/list".to_owned(), "UNAUTHORIZED", json!({"name": "b"})),
        ("/v2/a/tags/list".to_owned(), "NAME_UNKNOWN", json!({"name": "a"})),
        (
            format!("/v2/a/blobs/{digest}"),
            "NAME_UNKNOWN",
            json!({"name": "a", "digest": digest.as_str()}),
        ),
        (
            format!("/v2/a/blobs/uploads/{session}"),
            "BLOB_UPLOAD_UNKNOWN",
            json!({"name": "a", "upload": session}),
        ),
    ] {
        let error = &client.get(&path).await.json()["errors"][0];
        assert_eq!((error["code"].as_str().unwrap(), &error["detail"]), (code, &detail), "{path}");
    }
}

// covers: DIST-EXT-01, DIST-EXT-04, DIST-EXT-02
#[tokio::test]
async fn an_unknown_endpoint_is_unsupported() {
    let client = Client::new().await;
    for path in [
        "/",
        "/v1/",
        "/v3/",
        "/v2/a",
        "/v2/_oci/ext/discover",
        "/v2/a/_oci/ext/discover",
        "/token",
        "/v2/a/tags",
    ] {
        client.get(path).await.refused(404, "UNSUPPORTED");
    }
}

// covers: DIST-GEN-08
#[tokio::test]
async fn other_methods_are_not_allowed() {
    let client = Client::new().await;
    let digest = Digest::sha256("");
    for (path, allowed) in [
        ("/v2/".to_owned(), "GET, HEAD"),
        ("/v2/_catalog".to_owned(), "GET, HEAD"),
        ("/v2/a/tags/list".to_owned(), "GET, HEAD"),
        (format!("/v2/a/referrers/{digest}"), "GET, HEAD"),
        (format!("/v2/a/blobs/{digest}"), "GET, HEAD, DELETE"),
        ("/v2/a/blobs/uploads/".to_owned(), "POST"),
        ("/v2/a/manifests/v1".to_owned(), "GET, HEAD, PUT, DELETE"),
    ] {
        let answer = client.send(client.request(Method::OPTIONS, &path)).await;
        let answer = answer.refused(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}

// covers: DIST-ERR-04
#[tokio::test]
async fn a_warning_is_in_every_answer() {
    let text = format!("say \"hello\"\r\nfor {}", "long ".repeat(10_000));
    let client = Client::of(oci_registry::serve(Store::memory()).warning(&text)).await;
    client.push_image("a", "v1").await;
    for path in ["/v2/a/manifests/v1", "/v2/a/manifests/v2", "/v2/a/tags/list", "/v2/"] {
        let answer = client.get(path).await;
        let warning = answer.header("warning").unwrap();
        assert!(warning.starts_with(r#"299 - "say \"hello\"  for long "#), "{warning}");
        assert!(warning.ends_with('"') && warning.len() <= 4096);
    }
}

/// Fails at everything.
#[derive(Debug)]
struct Broken;

macro_rules! fail {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        impl Backend for Broken {
            $(fn $name<'a>(&'a self, $(_: $argument),*) -> BoxFuture<'a, io::Result<$result>> {
                Box::pin(async { Err(io::Error::other("the disk at /secret is on fire")) })
            })*

            fn expire(&self, _: SystemTime) -> BoxFuture<'_, io::Result<()>> {
                Box::pin(async { Ok(()) })
            }
        }
    };
}

fail! {
    stage(Option<&'a Session>) -> Box<dyn Stage>;
    resume(&'a Session) -> Option<Resumed>;
    open(&'a RepositoryName, &'a Digest) -> Option<Blob>;
    link(&'a RepositoryName, &'a RepositoryName, &'a Digest) -> bool;
    unlink(&'a RepositoryName, &'a Digest, &'a Condition) -> bool;
    read(&'a RepositoryName, &'a Record) -> Option<Value>;
    write(&'a RepositoryName, &'a [Write]) -> bool;
    remove(&'a RepositoryName, &'a Record, &'a Condition) -> bool;
    renew(&'a RepositoryName, &'a Digest) -> bool;
    list(&'a RepositoryName, &'a Collection, Option<&'a str>, usize) -> Vec<String>;
    knows(&'a RepositoryName) -> bool;
    repositories(Filter, Option<&'a str>, usize) -> Vec<String>;
}

#[tokio::test]
async fn errors_of_the_store_are_told_to_the_host_and_not_to_clients() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = heard.clone();
    let serve = oci_registry::serve(Store::new(Broken))
        .on_error(move |error| hear.lock().unwrap().push(error.to_string()));
    let client = Client::of(serve).await;
    let digest = Digest::sha256("");
    for (method, path) in [
        (Method::GET, "/v2/a/manifests/v1".to_owned()),
        (Method::GET, format!("/v2/a/blobs/{digest}")),
        (Method::GET, "/v2/a/tags/list".to_owned()),
        (Method::GET, "/v2/_catalog".to_owned()),
        (Method::GET, format!("/v2/a/referrers/{digest}")),
        (Method::POST, "/v2/a/blobs/uploads/".to_owned()),
        (Method::POST, format!("/v2/a/blobs/uploads/?digest={digest}")),
        (Method::POST, format!("/v2/a/blobs/uploads/?mount={digest}&from=b")),
        (Method::DELETE, "/v2/a/manifests/v1".to_owned()),
        (Method::DELETE, format!("/v2/a/blobs/{digest}")),
    ] {
        let answer = client.send(client.request(method, &path)).await.is(500);
        assert_eq!(answer.body, b"the store failed\n");
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(heard, ["the disk at /secret is on fire"], "{path}");
    }
    let put = client.put_manifest("a", "v1", "text/plain", &Bytes::new()).await;
    put.is(500);
}
