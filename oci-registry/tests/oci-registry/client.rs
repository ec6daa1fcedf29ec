//! A plain HTTP client and the few requests that most tests begin with.

use std::sync::Arc;

use oci_digest::Digest;
use oci_registry::{Serve, Server, Store};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A running registry and a client that follows nothing and retries nothing.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) server: Arc<Server>,
    pub(crate) credentials: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an error body, which must have the form of the specification.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        assert_eq!(self.header("content-type"), Some("application/json"));
        let error = &body["errors"][0];
        assert!(error["message"].is_string(), "{body}");
        error["code"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text} {:?}", self.headers);
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.code(), code);
        answer
    }
}

impl Client {
    pub(crate) async fn new() -> Self {
        Self::of(oci_registry::serve(Store::memory())).await
    }

    pub(crate) async fn of(serve: Serve) -> Self {
        let server = Arc::new(serve.bind("127.0.0.1:0").await.unwrap());
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { http, server, credentials: None }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match &self.credentials {
            Some(credentials) => request.header("authorization", credentials),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send(self.request(Method::HEAD, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path).header("content-length", 0)).await
    }

    /// Opens a session; its URL.
    pub(crate) async fn session(&self, repository: &str) -> String {
        let answer = self.post(&format!("/v2/{repository}/blobs/uploads/")).await.is(202);
        answer.headers[LOCATION].to_str().unwrap().to_owned()
    }

    pub(crate) async fn patch(&self, session: &str, range: Option<&str>, bytes: &[u8]) -> Answer {
        let mut request = self.request(Method::PATCH, session).body(bytes.to_vec());
        if let Some(range) = range {
            request = request.header("content-range", range);
        }
        self.send(request).await
    }

    pub(crate) async fn put(&self, path: &str, bytes: &[u8]) -> Answer {
        self.send(self.request(Method::PUT, path).body(bytes.to_vec())).await
    }

    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        let session = self.session(repository).await;
        self.put(&format!("{session}?digest={digest}"), bytes).await.is(201);
        digest
    }

    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Answer {
        let request = self
            .request(Method::PUT, &format!("/v2/{repository}/manifests/{reference}"))
            .header(CONTENT_TYPE, media_type)
            .body(bytes.to_vec());
        self.send(request).await
    }

    /// Pushes an image of an empty config and no layers; its digest.
    pub(crate) async fn push_image(&self, repository: &str, reference: &str) -> Digest {
        self.push_blob(repository, b"{}").await;
        let manifest = manifest(&json!({})).to_string();
        self.put_manifest(repository, reference, MANIFEST, manifest.as_bytes()).await.is(201);
        Digest::sha256(manifest)
    }
}

/// A manifest of an empty config and no layers, with more members.
pub(crate) fn manifest(more: &Value) -> Value {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": Digest::EMPTY_JSON.as_str(),
            "size": 2,
        },
        "layers": [],
    });
    for (name, value) in more.as_object().unwrap() {
        manifest[name] = value.clone();
    }
    manifest
}
