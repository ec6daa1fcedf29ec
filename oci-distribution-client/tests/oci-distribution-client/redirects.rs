//! Where requests may be sent on to by a server.

use std::sync::Arc;

use http::Method;
use oci_distribution_client::{Client, Config, Error, ErrorKind, Repository, Retry};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::{Descriptor, MediaType};

use crate::fake::{Fake, answer};
use crate::fixture::chain;

const HTTPS: &str = "registry.example";
const LOCAL: &str = "localhost:5000";
const REMOTE: &str = "remote.example";

/// A registry, where it sends requests on to, and whether these go there.
const TABLE: [(&str, &str, bool); 20] = [
    (HTTPS, "https://storage.example/x", true),
    (HTTPS, "/x", true),
    (HTTPS, "https://user@storage.example/x", false),
    (HTTPS, "https://:password@storage.example/x", false),
    (HTTPS, "https://user:password@storage.example/x", false),
    (HTTPS, "http://registry.example/x", false),
    (HTTPS, "http://registry.example:443/x", false),
    (HTTPS, "http://storage.example/x", false),
    (HTTPS, "http://localhost/x", false),
    (HTTPS, "http://remote.example/x", false),
    (HTTPS, "ftp://storage.example/x", false),
    (LOCAL, "http://localhost:5000/x", true),
    (LOCAL, "http://127.0.0.1:5001/x", true),
    (LOCAL, "https://storage.example/x", true),
    (LOCAL, "http://remote.example/x", true),
    (LOCAL, "http://storage.example/x", false),
    (REMOTE, "http://remote.example/x", true),
    (REMOTE, "http://localhost:5000/x", false),
    (REMOTE, "http://169.254.169.254/x", false),
    (REMOTE, "http://remote.example:8080/x", false),
];

fn repository(fake: &Fake, host: &str) -> Repository {
    let mut retry = Retry::default();
    retry.attempts = 1;
    let config = Config::default().plain_http(LOCAL).danger_plain_http(REMOTE).retry(retry);
    let client = Client::new(config.transport(fake.clone())).unwrap();
    client.repository(&format!("{host}/a")).unwrap()
}

/// That a request went to `to`, or else that it was refused, and no place was asked but the registry.
#[track_caller]
fn went<T>(fake: &Fake, result: Result<T, Error>, (host, to, is_allowed): (&str, &str, bool)) {
    let text = result.as_ref().err().map(|error| chain(error)).unwrap_or_default();
    let there = fake.seen().into_iter().filter(|seen| seen.uri.path() == "/x").count();
    assert_eq!(
        (result.is_ok(), there),
        (is_allowed, usize::from(is_allowed)),
        "{host} {to}: {text}"
    );
    if let Err(error) = result {
        assert_eq!(error.kind(), ErrorKind::Protocol, "{host} {to}: {text}");
        assert!(!text.contains("password"), "{text}");
    }
}

// covers: DIST-GEN-09
#[tokio::test]
async fn a_redirect_is_followed_where_it_is_as_safe() {
    for row @ (host, to, _) in TABLE {
        let fake = Fake::new(move |seen| match seen.uri.path() {
            "/x" => answer(200, &[], r#"{"name":"a","tags":[]}"#),
            _ => answer(307, &[("location", to)], ""),
        });
        let tags = repository(&fake, host).tags().await;
        went(&fake, tags, row);
    }
}

// covers: DIST-PUSH-02
#[tokio::test]
async fn an_upload_goes_on_where_it_is_as_safe() {
    let blobs = Arc::new(Memory::new());
    let blob = Descriptor::of(MediaType::LAYER_TAR, b"blob");
    blobs.put(&blob, b"blob").unwrap();
    for row @ (host, to, _) in TABLE {
        let fake = Fake::new(move |seen| match seen.method {
            Method::HEAD | Method::GET => answer(404, &[], ""),
            Method::POST => answer(202, &[("location", to)], ""),
            _ => answer(201, &[("location", "/v2/a/blobs/x")], ""),
        });
        let pushed = repository(&fake, host).push_blob(&blobs, &blob).await;
        went(&fake, pushed, row);
    }
}

#[tokio::test]
async fn a_place_that_no_request_can_name_is_refused_as_what_a_server_says() {
    for (length, is_allowed) in [(65_000, true), (66_000, false)] {
        let place = format!("/x?{}", "a".repeat(length));
        let fake = Fake::new(move |seen| match seen.uri.path() {
            "/x" => answer(200, &[], r#"{"name":"a","tags":[]}"#),
            _ => answer(307, &[("location", &place)], ""),
        });
        let tags = repository(&fake, HTTPS).tags().await;
        went(&fake, tags, (HTTPS, "a long URL", is_allowed));
    }
}
