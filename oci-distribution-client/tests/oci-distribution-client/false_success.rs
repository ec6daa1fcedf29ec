//! A success counts with what the specification demands with it, and not by its status alone.

use std::sync::Arc;

use http::Response;
use oci_distribution_client::transport::Body;
use oci_distribution_client::{Client, Config, Error, ErrorKind, Repository};
use oci_image::blob::Memory;
use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, MediaType};

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{Fixture, chain, quick};

const HOST: &str = "registry.example";

fn client(fake: &Fake) -> Client {
    Client::new(Config::default().retry(quick()).transport(fake.clone())).unwrap()
}

fn repository(fake: &Fake) -> Repository {
    client(fake).repository(&format!("{HOST}/app")).unwrap()
}

/// The outcome of each operation that says that something is so, or was done.
async fn outcomes(fake: &Fake) -> Vec<(&'static str, Result<(), Error>)> {
    let (app, fixture) = (repository(fake), Fixture::new());
    let image = fixture.amd64.descriptor();
    let document = AnyDocument::Manifest(fixture.amd64.clone());
    let memory = Arc::new(Memory::new());
    vec![
        ("check", client(fake).check(HOST).await),
        ("resolve", app.resolve("v1").await.map(drop)),
        ("resolve a digest", app.resolve(image.digest.as_str()).await.map(drop)),
        ("manifest", app.manifest(image).await.map(drop)),
        ("has_blob", app.has_blob(&fixture.layers[2]).await.map(drop)),
        ("pull", app.pull(image, &memory).await.map(drop)),
        ("push", app.push(&fixture.blobs, image).tag("v1").await.map(drop)),
        ("mount", app.push(&fixture.blobs, image).mount_from("other").await.map(drop)),
        ("chunks", app.push(&fixture.blobs, image).chunks(1000).await.map(drop)),
        ("tag", app.tag("v1", &document).await),
        ("tags", app.tags().await.map(drop)),
        ("referrers", app.referrers(&image.digest, None).await.map(drop)),
        ("delete_manifest", app.delete_manifest(&image.digest).await),
        ("delete_tag", app.delete_tag("v1").await),
        ("delete_blob", app.delete_blob(&fixture.layers[2].digest).await),
    ]
}

#[tokio::test]
async fn a_web_server_is_not_a_registry_in_any_operation() {
    const PAGE: &str = "<!DOCTYPE html><title>Welcome</title>";
    const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
    const SIZED: &[(&str, &str)] = &[("content-type", "text/html"), ("content-length", "37")];
    const TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];
    let cases = [
        ("a page", 200, HTML, PAGE),
        ("a page with its length", 200, SIZED, PAGE),
        ("a page without a type", 200, &[], PAGE),
        ("text", 200, TEXT, "OK"),
        ("created", 201, HTML, PAGE),
        ("not authoritative", 203, HTML, PAGE),
    ];
    for (case, status, headers, body) in cases {
        let fake = Fake::new(move |seen| {
            answer(status, headers, if seen.method == "HEAD" { "" } else { body })
        });
        for (operation, outcome) in outcomes(&fake).await {
            let error = outcome.err().unwrap_or_else(|| panic!("{case}: {operation} succeeded"));
            assert!(chain(&error).starts_with("cannot "), "{case}: {operation}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_of_json_or_of_nothing_is_asked_for_more_than_a_status() {
    for body in ["", "{}", r#"{"status":"ok"}"#] {
        let json = [("content-type", "application/json")];
        let fake = Fake::new(move |_| answer(200, &json, body));
        for (operation, outcome) in outcomes(&fake).await {
            // What a registry answers to `/v2/` may be this.
            assert_eq!(outcome.is_ok(), operation == "check", "{body}: {operation}");
        }
    }
}

#[tokio::test]
async fn a_page_from_a_mirror_decides_no_tag() {
    let fixture = Fixture::new();
    let image = fixture.amd64.descriptor().clone();
    let bytes = fixture.amd64.bytes().to_vec();
    for has_digest in [false, true] {
        let (image, bytes) = (image.clone(), bytes.clone());
        let expected = image.clone();
        let fake = Fake::new(move |seen| match seen.host() {
            "mirror.example" if has_digest => {
                let digest = image.digest.as_str();
                let headers = [("content-type", "text/html"), ("docker-content-digest", digest)];
                answer(200, &headers, "<html>")
            }
            "mirror.example" => answer(200, &[("content-type", "text/html")], "<html>"),
            _ => answer(200, &[("content-type", image.media_type.as_str())], bytes.clone()),
        });
        let config = Config::default().retry(quick()).transport(fake);
        let client = Client::new(config.mirror(HOST, "mirror.example")).unwrap();
        let resolved = client.repository("registry.example/app").unwrap().resolve("v1").await;
        assert_eq!(resolved.unwrap().descriptor(), &expected, "{has_digest}");
    }
}

/// A registry that has the image and answers `put` to the push of a manifest.
fn putting(put: fn() -> Response<Body>, fixture: &Fixture, has_it: bool) -> Fake {
    let bytes = fixture.amd64.bytes().to_vec();
    let media_type = fixture.amd64.descriptor().media_type.as_str().to_owned();
    Fake::new(move |seen: &Seen| match seen.method.as_str() {
        "PUT" => put(),
        "GET" if has_it => answer(200, &[("content-type", &media_type)], bytes.clone()),
        _ => answer(404, &[], ""),
    })
}

#[tokio::test]
async fn a_push_of_a_manifest_that_says_little_is_read_back() {
    let fixture = Fixture::new();
    let document = AnyDocument::Manifest(fixture.amd64.clone());
    let bare: [fn() -> Response<Body>; 4] = [
        || answer(200, &[], ""),
        || answer(201, &[], ""),
        || answer(202, &[], ""),
        || answer(204, &[], ""),
    ];
    for put in bare {
        let tag = async |has_it| {
            let fake = putting(put, &fixture, has_it);
            (repository(&fake).tag("v1", &document).await, fake.seen().len())
        };
        let (outcome, requests) = tag(true).await;
        outcome.unwrap();
        assert_eq!(requests, 2);
        let error = tag(false).await.0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{}", chain(&error));
    }
    // The answer of the specification needs no other.
    let fake =
        putting(|| answer(201, &[("location", "/v2/app/manifests/v1")], ""), &fixture, false);
    repository(&fake).tag("v1", &document).await.unwrap();
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_deletion_with_another_success_is_looked_for() {
    for (status, there, is_done) in
        [(202, 200, true), (200, 404, true), (204, 404, true), (200, 200, false), (204, 500, false)]
    {
        let fake = Fake::new(move |seen| match seen.method.as_str() {
            "DELETE" => answer(status, &[], ""),
            _ => answer(there, &[], ""),
        });
        let outcome = repository(&fake).delete_tag("v1").await;
        assert_eq!(outcome.is_ok(), is_done, "{status} {there}");
    }
}

#[tokio::test]
async fn a_blob_is_there_by_its_size_or_its_digest() {
    let fixture = Fixture::new();
    let layer = fixture.layers[2].clone();
    let size = layer.size.to_string();
    let (own, other) = (layer.digest.as_str(), fixture.layers[3].digest.as_str());
    let cases = [
        (Some(size.as_str()), None, Some(true)),
        (Some(&size), Some(own), Some(true)),
        (None, Some(own), Some(true)),
        (Some("0"), Some(own), Some(true)),
        (Some(&size), Some(other), None),
        (Some("17"), None, None),
        (Some("17"), Some(own), None),
        (None, None, None),
    ];
    for (length, digest, expected) in cases {
        let length = length.map(|length| ("content-length", length.to_owned()));
        let digest = digest.map(|digest| ("docker-content-digest", digest.to_owned()));
        let headers: Vec<_> = length.into_iter().chain(digest).collect();
        let case = format!("{headers:?}");
        let fake = Fake::new(move |_| {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
            answer(200, &headers, "")
        });
        assert_eq!(repository(&fake).has_blob(&layer).await.ok(), expected, "{case}");
    }
    // Another success than that of the specification is none, whatever it says.
    for status in [201, 203, 206] {
        let size = size.clone();
        let fake = Fake::new(move |_| answer(status, &[("content-length", &size)], ""));
        let error = repository(&fake).has_blob(&layer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{status}");
    }
    // The answer to a GET says more than that to a HEAD.
    for head in [200, 401, 403, 405, 501] {
        let size = size.clone();
        let fake = Fake::new(move |seen| match seen.method.as_str() {
            "HEAD" => answer(head, &[("content-length", "0")], ""),
            _ => answer(200, &[("content-length", &size)], ""),
        });
        assert!(repository(&fake).has_blob(&layer).await.unwrap(), "{head}");
    }
}

#[tokio::test]
async fn a_page_at_the_tag_for_referrers_is_not_an_empty_list() {
    let fixture = Fixture::new();
    let subject = &fixture.amd64.descriptor().digest;
    let tag = referrers_tag(subject);
    let fake = Fake::new(move |seen| match seen.uri.path().ends_with(tag.as_str()) {
        true => answer(200, &[("content-type", "text/html")], "<html>"),
        false => answer(404, &[], ""),
    });
    let error = repository(&fake).referrers(subject, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{}", chain(&error));
}

#[tokio::test]
async fn what_is_stored_under_another_digest_is_an_error() {
    let fixture = Fixture::new();
    let image = fixture.amd64.descriptor();
    let other = fixture.index.descriptor().digest.clone();
    let push = async |spoiled: &'static str| {
        let other = other.clone();
        let fake = Fake::new(move |seen| {
            let location = ("location", "/v2/app/blobs/uploads/1");
            let digest = ("docker-content-digest", other.as_str());
            match seen.method.as_str() {
                "POST" => answer(202, &[location], ""),
                "PUT" if seen.uri.path().contains(spoiled) => answer(201, &[location, digest], ""),
                "PUT" => answer(201, &[location], ""),
                _ => answer(404, &[], ""),
            }
        });
        repository(&fake).push(&fixture.blobs, image).await.map(drop)
    };
    push("none").await.unwrap();
    for spoiled in ["/blobs/", "/manifests/"] {
        let error = push(spoiled).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification, "{spoiled}: {}", chain(&error));
        assert!(chain(&error).contains(&format!("has `{other}` for it")), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_manifest_is_there_by_its_size_and_type() {
    let fixture = Fixture::new();
    let image = fixture.amd64.descriptor().clone();
    let size = image.size.to_string();
    let (own, other) = (image.media_type.as_str(), MediaType::DOCKER_MANIFEST.as_str());
    for (media_type, size, expected) in
        [(own, size.as_str(), 0), (own, "17", 1), (other, &size, 1), ("text/html", &size, 1)]
    {
        let case = format!("{media_type} {size}");
        let (media_type, size) = (media_type.to_owned(), size.to_owned());
        let blobs: Vec<_> = fixture.layers.iter().chain([&fixture.amd64.config]).cloned().collect();
        let fake = Fake::new(move |seen| match seen.method.as_str() {
            "HEAD" if seen.uri.path().contains("/manifests/") => {
                answer(200, &[("content-type", &media_type), ("content-length", &size)], "")
            }
            "HEAD" => {
                let blob = blobs.iter().find(|it| seen.uri.path().ends_with(it.digest.as_str()));
                answer(200, &[("content-length", &blob.unwrap().size.to_string())], "")
            }
            _ => answer(201, &[("location", "/v2/app/manifests/x")], ""),
        });
        repository(&fake).push(&fixture.blobs, &image).await.unwrap();
        let sent = fake.seen().iter().filter(|seen| seen.method == "PUT").count();
        assert_eq!(sent, expected, "{case}");
    }
}
