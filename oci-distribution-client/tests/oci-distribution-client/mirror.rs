//! Mirrors: what they have comes from them, and all else from the registry.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Limits, Repository};
use oci_image::blob::Memory;
use oci_registry::{Fault, Server};

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, quick, registry, repository};

/// `team/app` of `upstream` with a mirror that has it as `hub/team/app`.
fn mirrored(upstream: &str, mirror: &Server) -> Repository {
    let host = mirror.address().to_string();
    let config = Config::default().plain_http(upstream).plain_http(&host).retry(quick());
    let client = Client::new(config.mirror(upstream, format!("{host}/hub"))).unwrap();
    client.repository(&format!("{upstream}/team/app")).unwrap()
}

async fn push(fixture: &Fixture, registry: &Server, name: &str) {
    let repository = repository(registry, name);
    repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
}

async fn pull(repository: &Repository, fixture: &Fixture, case: &str) {
    let store = Arc::new(Memory::new());
    let pull = async {
        let image = repository.resolve("v1").await?;
        assert_eq!(image.descriptor(), fixture.index.descriptor(), "{case}");
        repository.pull(&image, &store).await
    };
    if let Err(error) = pull.await {
        panic!("{case}: {}", chain(&error));
    }
    assert_eq!(store.digests(), fixture.blobs.digests(), "{case}");
}

#[tokio::test]
async fn what_a_mirror_has_is_not_asked_of_the_registry() {
    let (fixture, mirror) = (Fixture::new(), registry().await);
    push(&fixture, &mirror, "hub/team/app").await;
    // Nobody is there.
    pull(&mirrored("127.0.0.1:1", &mirror), &fixture, "no registry").await;
}

#[tokio::test]
async fn what_a_mirror_lacks_or_spoils_comes_from_the_registry() {
    let (fixture, upstream, mirror) = (Fixture::new(), registry().await, registry().await);
    push(&fixture, &upstream, "team/app").await;
    let host = upstream.address().to_string();
    pull(&mirrored(&host, &mirror), &fixture, "empty mirror").await;
    push(&fixture, &mirror, "hub/team/app").await;
    for (case, fault) in [
        ("wrong blobs", Fault::wrong_bytes("/blobs/")),
        ("wrong manifests", Fault::wrong_bytes("/manifests/")),
        ("short blobs", Fault::truncate_body("/blobs/", 1000)),
        ("cut blobs", Fault::cut_body("/blobs/", 1000)),
        ("no blobs", Fault::status("/blobs/", StatusCode::NOT_FOUND)),
        ("a failing mirror", Fault::status("", StatusCode::INTERNAL_SERVER_ERROR)),
        ("a mirror that wants a login", Fault::status("", StatusCode::UNAUTHORIZED)),
        ("a mirror that breaks off", Fault::disconnect("")),
    ] {
        mirror.registry().clear_faults();
        mirror.registry().add_faults([fault]);
        pull(&mirrored(&host, &mirror), &fixture, case).await;
    }
}

#[tokio::test]
async fn nothing_is_pushed_to_a_mirror() {
    let (fixture, upstream, mirror) = (Fixture::new(), registry().await, registry().await);
    let app = mirrored(&upstream.address().to_string(), &mirror);
    app.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    let there = repository(&upstream, "team/app").resolve("v1").await.unwrap();
    assert_eq!(there.descriptor(), fixture.index.descriptor());
    let error = repository(&mirror, "hub/team/app").resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

// covers: DIST-PROXY-03
#[tokio::test]
async fn a_mirror_gets_no_credentials_of_the_registry_and_is_told_its_name() {
    let fake = Fake::new(|_| answer(401, &[("www-authenticate", "Basic realm=\"x\"")], ""));
    let config = Config::default()
        .transport(fake.clone())
        .credentials("registry.example", Credentials::basic("alice", "secret"))
        .mirror("registry.example", "mirror.example");
    let client = Client::new(config).unwrap();
    client.repository("registry.example/app").unwrap().resolve("v1").await.unwrap_err();
    let seen = fake.seen();
    let at = |host: &str| seen.iter().filter(|seen| seen.host() == host).collect::<Vec<_>>();
    let (mirror, registry) = (at("mirror.example"), at("registry.example"));
    assert_eq!(mirror.len() + registry.len(), seen.len());
    assert!(!mirror.is_empty());
    for seen in mirror {
        assert_eq!(seen.uri.query(), Some("ns=registry.example"));
        assert_eq!(seen.authorization(), None);
    }
    // A registry that is no proxy is not asked as one.
    assert!(registry.iter().all(|seen| seen.uri.query().is_none()));
    assert!(registry.iter().any(|seen| seen.authorization().is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_mirror_out_of_reach_is_left_alone_for_a_while() {
    let second = Duration::from_secs(1);
    // Five requests take four seconds.
    for (rest, asked) in [(Duration::MAX, 1), (5 * second, 1), (second, 5), (Duration::ZERO, 5)] {
        let fake = Fake::new(|_| answer(429, &[], ""));
        let mut limits = Limits::default();
        limits.mirror_rest = rest;
        let config = Config::default().transport(fake.clone()).limits(limits).retry(quick());
        let client = Client::new(config.mirror("registry.example", "mirror.example")).unwrap();
        let app = client.repository("registry.example/app").unwrap();
        for number in 0..5 {
            let error = app.resolve("v1").await.unwrap_err().to_string();
            assert!(error.starts_with("cannot resolve `v1` in `registry.example/app`"), "{error}");
            let tells =
                error.contains("; before that a mirror failed: cannot resolve `v1` in `mirror.");
            assert_eq!(tells, number < asked, "{error}");
            tokio::time::advance(second).await;
        }
        let seen = fake.seen();
        let seen = seen.iter().filter(|seen| seen.host() == "mirror.example");
        assert_eq!(seen.count(), asked);
    }
}

#[test]
fn a_mirror_is_a_host_with_an_optional_path() {
    for place in ["mirror.example", "localhost:5000", "mirror.example:443/a/b", "[::1]:5000"] {
        Client::new(Config::default().mirror("registry.example", place)).unwrap();
    }
    for place in
        ["", "https://mirror.example", "mirror.example/", "mirror.example/A", "m/x:tag", "u@m"]
    {
        let error = Client::new(Config::default().mirror("registry.example", place)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{place}");
        assert!(error.to_string().contains(&format!("`{place}`")), "{error}");
    }
}
