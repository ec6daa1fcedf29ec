//! What hostile clients send.

use std::time::Duration;

use oci_digest::Digest;
use oci_registry::{Limits, Store};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, MANIFEST};

/// After that a test has failed that would not end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Sends bytes as they are; all that comes back until the end.
async fn raw(client: &Client, request: &str) -> String {
    let mut stream = TcpStream::connect(client.server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is an end too.
    let _ = read.expect("the connection does not end");
    String::from_utf8_lossy(&answer).into_owned()
}

// covers: DIST-GEN-04, DIST-GEN-05
#[tokio::test]
async fn invalid_names_lead_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), "secret").unwrap();
    let store = Store::directory(directory.path().join("store")).unwrap();
    let client = Client::of(oci_registry::serve(store)).await;
    client.push_image("a", "v1").await;
    let digest = Digest::EMPTY_JSON;
    for name in [
        "..", ".", "a/..", "../a", "a/../a", "%2e%2e", "a%2fb", "a%2Fb", "a%00", "%00", "A",
        "a%5c", "-a", "a-", "a..b", "a___b", "_blobs", "a/_blobs", "a//b", "%ff", "a%", "%C3%BC",
        "a%0a",
    ] {
        for (method, rest, code, status) in [
            ("GET", "manifests/v1".to_owned(), "NAME_INVALID", 404),
            ("HEAD", format!("blobs/{digest}"), "", 404),
            ("GET", "tags/list".to_owned(), "NAME_INVALID", 404),
            ("DELETE", "manifests/v1".to_owned(), "NAME_INVALID", 404),
            ("PUT", "manifests/v1".to_owned(), "NAME_INVALID", 400),
            ("POST", "blobs/uploads/".to_owned(), "NAME_INVALID", 400),
        ] {
            // By hand, as clients resolve dots before they send.
            let request = format!(
                "{method} /v2/{name}/{rest} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            );
            let answer = raw(&client, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
            assert!(answer.contains(code), "{request}{answer}");
        }
    }
    for tag in ["..%2fa", "a%2f..%2f..%2fsecret", "a%00", "-a", "%ff"] {
        client.get(&format!("/v2/a/manifests/{tag}")).await.is(404);
        let put = client.put_manifest("a", tag, "text/plain", b"x").await;
        assert!(["MANIFEST_INVALID", "NAME_INVALID"].contains(&&*put.is(400).code()), "{tag}");
    }
    for digest in ["sha256:..%2f..%2fsecret", "sha256:", "sha256:%00", "..:..", "x"] {
        client.get(&format!("/v2/a/blobs/{digest}")).await.refused(400, "DIGEST_INVALID");
    }
    let entries: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(entries.len(), 2);
}

#[tokio::test]
async fn a_session_belongs_to_its_repository() {
    let client = Client::new().await;
    let session = client.session("mine").await;
    client.patch(&session, Some("0-3"), b"cont").await.is(202);
    let stolen = session.replace("/mine/", "/theirs/");
    assert_ne!(stolen, session);
    let digest = Digest::sha256("cont");
    client.get(&stolen).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.patch(&stolen, None, b"ent").await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.put(&format!("{stolen}?digest={digest}"), b"").await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.delete(&stolen).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.put(&format!("{session}?digest={digest}"), b"").await.is(201);
    for id in ["0", "a%2f..", "not-a-uuid", "00000000-0000-0000-0000-000000000000"] {
        let answer = client.get(&format!("/v2/mine/blobs/uploads/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

#[tokio::test]
async fn numbers_too_large_do_no_harm() {
    let client = Client::new().await;
    client.push_image("a", "v1").await;
    let huge = "9".repeat(40);
    client.get(&format!("/v2/_catalog?n={huge}")).await.is(200);
    client.get(&format!("/v2/a/tags/list?n={huge}&last={huge}")).await.is(200);
    for length in [huge.as_str(), "-1", "18446744073709551616", "1, 2"] {
        let request = format!(
            "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let answer = raw(&client, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
    }
    // The largest length that can be told is more than any blob may have.
    let digest = Digest::sha256("");
    let request = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\nx",
        u64::MAX - 2
    );
    let mut stream = TcpStream::connect(client.server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    client.get("/v2/").await.is(200);
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_time() {
    let mut limits = Limits::default();
    limits.head = 16 << 10;
    limits.head_time = Duration::from_millis(50);
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20 << 10));
    let answer = raw(&client, &request).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // A head that never ends is not waited for.
    let answer = raw(&client, "GET /v2/ HTTP/1.1\r\nHost: a\r\n").await;
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn heads_of_http_2_are_bounded_in_size() {
    let mut limits = Limits::default();
    limits.head = 16 << 10;
    let mut client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    client.http = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let get = |size| client.request(Method::GET, "/v2/").header("x", "x".repeat(size)).send();
    assert_eq!(get(8 << 10).await.unwrap().status(), 200);
    assert_eq!(get(20 << 10).await.map_or(431, |answer| answer.status().as_u16()), 431);
}

#[tokio::test]
async fn bodies_that_stall_are_not_waited_for() {
    let mut limits = Limits::default();
    limits.idle = Duration::from_millis(50);
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let session = client.session("a").await;
    let request = format!(
        "PATCH {session} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9\r\n\r\ncont"
    );
    let answer = raw(&client, &request).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // What was received is kept.
    assert_eq!(client.get(&session).await.is(204).header("range"), Some("0-3"));
}

#[tokio::test]
async fn requests_that_take_too_long_end() {
    let mut limits = Limits::default();
    // Long enough for the short requests on a busy machine.
    limits.request_time = Duration::from_millis(1000);
    limits.idle = Duration::from_millis(1000);
    // Each byte ends a pause.
    limits.progress = 1;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let drip = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok::<_, std::io::Error>("x"), ()))
    });
    let session = client.session("a").await;
    let request = client.request(Method::PATCH, &session).body(reqwest::Body::wrap_stream(drip));
    let sent = tokio::time::timeout(PATIENCE, request.send()).await;
    // The answer may be cut off together with the body that it does not wait for.
    if let Ok(response) = sent.expect("the request does not end") {
        assert_eq!(response.status(), 408);
    }
    let kept = client.get(&session).await.is(204);
    assert!(kept.header("range").unwrap().starts_with("0-"));
}

#[tokio::test]
async fn a_refused_body_is_not_read_without_end() {
    let mut limits = Limits::default();
    limits.drain = 1 << 20;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let mut stream = TcpStream::connect(client.server.address()).await.unwrap();
    let head = "PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 << 10];
    for _ in 0..1024 {
        if stream.write_all(&piece).await.is_err() {
            return;
        }
    }
    panic!("64 MiB of it are taken");
}

#[tokio::test]
async fn a_refused_body_does_not_hide_the_refusal() {
    let client = Client::new().await;
    let large = vec![b'x'; 6 << 20];
    let refused = client.put_manifest("a", "v1", MANIFEST, &large).await;
    refused.refused(413, "SIZE_INVALID");
    let session = client.session("a").await;
    client.patch(&session, Some("7-6291462"), &large).await.refused(416, "BLOB_UPLOAD_INVALID");
    client.put("/v2/a/blobs/uploads/", &large).await.refused(405, "UNSUPPORTED");
}

#[tokio::test]
async fn broken_queries_are_refused() {
    let client = Client::new().await;
    client.push_image("a", "v1").await;
    for query in ["last=%", "last=%ff", "n=%zz", "%2"] {
        client.get(&format!("/v2/a/tags/list?{query}")).await.refused(400, "UNSUPPORTED");
    }
    // An encoded line break stays encoded where it comes back.
    let answer = client.get("/v2/a/tags/list?n=1&last=%0d%0aEvil:%20yes").await.is(200);
    assert_eq!(answer.header("evil"), None);
}

// RFC 9112 3.2
#[tokio::test]
async fn requests_for_no_host_or_for_several_are_refused() {
    let client = Client::new().await;
    for (version, hosts, status) in [
        ("1.1", "Host: a\r\n", 200),
        ("1.1", "Host: a.example:5000\r\n", 200),
        ("1.1", "Host: [::1]:5000\r\n", 200),
        ("1.1", "Host:\r\n", 200),
        ("1.0", "", 200),
        ("1.1", "", 400),
        ("1.1", "Host: a\r\nHost: b\r\n", 400),
        ("1.1", "Host: a\r\nHost: a\r\n", 400),
        ("1.0", "Host: a\r\nHost: b\r\n", 400),
        ("1.1", "Host: a, b\r\n", 400),
        ("1.1", "Host: user@a\r\n", 400),
        ("1.1", "Host: a/b\r\n", 400),
        ("1.1", "Host: \"a\r\n", 400),
    ] {
        let request = format!("GET /v2/ HTTP/{version}\r\nConnection: close\r\n{hosts}\r\n");
        let answer = raw(&client, &request).await;
        assert_eq!(answer.split(' ').nth(1), Some(&*status.to_string()), "{request}{answer}");
    }
    // A URL of its own names the host, and the header must be there all the same.
    let request = "GET http://a/v2/ HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = raw(&client, request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
