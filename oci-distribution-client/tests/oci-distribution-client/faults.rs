//! What fails in passing is tried again, and what is broken off is taken up where it broke.

use std::sync::Arc;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, ErrorKind, Limits, Repository};
use oci_image::blob::Memory;
use oci_registry::{Fault, Server, Store};

use crate::fixture::{Fixture, chain, config, registry, repository, start};

/// A registry that has an image, as `v1`.
pub(crate) async fn pushed() -> (Server, Repository, Fixture) {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    (registry, repository, fixture)
}

// covers: DIST-PULL-11, DIST-GEN-10
#[tokio::test]
async fn a_pull_survives_what_passes() {
    let faults: Vec<(&str, Vec<Fault>)> = vec![
        ("cut", vec![Fault::cut_body("/blobs/", 100_000).times(3)]),
        ("cut at once", vec![Fault::cut_body("/blobs/", 0).times(3)]),
        (
            "cut without ranges",
            vec![Fault::cut_body("/blobs/", 150_000).times(2), Fault::ignore_range("/blobs/")],
        ),
        ("disconnected", vec![Fault::disconnect("").times(3)]),
        ("500", vec![Fault::status("", StatusCode::INTERNAL_SERVER_ERROR).times(2)]),
        ("503", vec![Fault::status("", StatusCode::SERVICE_UNAVAILABLE).after(1).times(3)]),
        (
            "429",
            vec![
                Fault::status("", StatusCode::TOO_MANY_REQUESTS)
                    .header("retry-after", "0")
                    .times(3),
            ],
        ),
        (
            "416",
            vec![
                Fault::cut_body("/blobs/", 100_000).times(1),
                Fault::status("/blobs/", StatusCode::RANGE_NOT_SATISFIABLE).after(9).times(1),
            ],
        ),
        ("cut manifest", vec![Fault::cut_body("/manifests/", 50).times(2)]),
        ("no digest", vec![Fault::without_header("", "docker-content-digest")]),
        ("no HEAD", vec![Fault::status("", StatusCode::METHOD_NOT_ALLOWED).method(Method::HEAD)]),
        ("HEAD forbidden", vec![Fault::status("", StatusCode::FORBIDDEN).method(Method::HEAD)]),
        ("vague type", vec![Fault::set_header("/manifests/", "content-type", "application/json")]),
        (
            "parameters",
            vec![
                Fault::set_header(
                    "/manifests/",
                    "content-type",
                    "application/vnd.oci.image.index.v1+json; charset=utf-8",
                )
                .times(2),
            ],
        ),
    ];
    let (registry, repository, fixture) = pushed().await;
    for (name, faults) in faults {
        registry.registry().clear_faults();
        registry.registry().add_faults(faults);
        let store = Arc::new(Memory::new());
        let pull = async {
            let image = repository.resolve("v1").await?;
            assert_eq!(image.descriptor(), fixture.index.descriptor(), "{name}");
            repository.pull(&image, &store).await
        };
        if let Err(error) = pull.await {
            panic!("{name}: {}", chain(&error));
        }
        assert_eq!(store.digests(), fixture.blobs.digests(), "{name}");
    }
}

// covers: DIST-PUSH-11, DIST-PUSH-09, DIST-PUSH-12
#[tokio::test]
async fn a_push_survives_what_passes() {
    let put = |fault: Fault| fault.method(Method::PUT);
    let patch = |fault: Fault| fault.method(Method::PATCH);
    let faults: Vec<(&str, Option<u64>, Vec<Fault>)> = vec![
        ("lost answer to a whole blob", None, vec![put(Fault::lose_answer("/uploads/")).times(2)]),
        (
            "lost answer to a chunk",
            Some(1 << 20),
            vec![patch(Fault::lose_answer("/uploads/")).times(2)],
        ),
        ("lost answer to a manifest", None, vec![put(Fault::lose_answer("/manifests/")).times(1)]),
        ("disconnected put", None, vec![put(Fault::disconnect("/uploads/")).times(2)]),
        ("disconnected patch", Some(1 << 20), vec![patch(Fault::disconnect("/uploads/")).times(2)]),
        (
            "503 to post",
            None,
            vec![
                Fault::status("/uploads/", StatusCode::SERVICE_UNAVAILABLE)
                    .method(Method::POST)
                    .times(2),
            ],
        ),
        (
            "502 to post",
            None,
            vec![Fault::status("/uploads/", StatusCode::BAD_GATEWAY).method(Method::POST).times(2)],
        ),
        (
            "disconnected post",
            None,
            vec![Fault::disconnect("/uploads/").method(Method::POST).times(2)],
        ),
        (
            "502 to put",
            None,
            vec![put(Fault::status("/uploads/", StatusCode::BAD_GATEWAY)).times(2)],
        ),
        (
            "429 to put",
            None,
            vec![
                put(Fault::status("", StatusCode::TOO_MANY_REQUESTS).header("retry-after", "0"))
                    .times(2),
            ],
        ),
        (
            "416 to patch",
            Some(1 << 20),
            vec![patch(Fault::status("/uploads/", StatusCode::RANGE_NOT_SATISFIABLE)).times(1)],
        ),
        (
            "no HEAD",
            None,
            vec![Fault::status("", StatusCode::METHOD_NOT_ALLOWED).method(Method::HEAD)],
        ),
        (
            "session gone",
            Some(1 << 20),
            vec![
                patch(Fault::disconnect("/uploads/")).times(1),
                Fault::status("/uploads/", StatusCode::NOT_FOUND).method(Method::GET).times(1),
            ],
        ),
    ];
    for (name, chunk, faults) in faults {
        let (registry, fixture) = (registry().await, Fixture::new());
        let repository = repository(&registry, "team/app");
        registry.registry().add_faults(faults);
        let push = repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1");
        let push = match chunk {
            Some(chunk) => push.chunks(chunk),
            None => push,
        };
        if let Err(error) = push.await {
            panic!("{name}: {}", chain(&error));
        }
        registry.registry().clear_faults();
        let store = Arc::new(Memory::new());
        repository.pull(fixture.index.descriptor(), &store).await.unwrap();
        assert_eq!(store.digests(), fixture.blobs.digests(), "{name}");
        assert_eq!(registry.registry().open_uploads(), 0, "{name}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_an_error_of_its_kind() {
    let table = [
        (Fault::status("", StatusCode::UNAUTHORIZED), ErrorKind::Unauthorized),
        (Fault::status("", StatusCode::FORBIDDEN), ErrorKind::Denied),
        (Fault::status("", StatusCode::NOT_FOUND), ErrorKind::NotFound),
        (Fault::status("", StatusCode::METHOD_NOT_ALLOWED), ErrorKind::Unsupported),
        (Fault::answer("", StatusCode::BAD_REQUEST, "no"), ErrorKind::Refused),
        (Fault::answer("", StatusCode::IM_A_TEAPOT, "no"), ErrorKind::Refused),
        (Fault::status("", StatusCode::TOO_MANY_REQUESTS), ErrorKind::RateLimited),
        (
            Fault::status("", StatusCode::TOO_MANY_REQUESTS).header("retry-after", "86400"),
            ErrorKind::RateLimited,
        ),
        (Fault::status("", StatusCode::BAD_GATEWAY), ErrorKind::Server),
        (Fault::disconnect(""), ErrorKind::Transport),
        (Fault::redirect_loop(""), ErrorKind::Limit),
        (Fault::redirect("", "http://192.0.2.1/"), ErrorKind::Protocol),
        (Fault::redirect("", "mailto:x"), ErrorKind::Protocol),
        (Fault::answer("", StatusCode::OK, "not a manifest"), ErrorKind::Verification),
        (Fault::answer("", StatusCode::OK, vec![b' '; 5 << 20]), ErrorKind::Limit),
        (Fault::wrong_bytes("/manifests/"), ErrorKind::Verification),
    ];
    let (registry, repository, fixture) = pushed().await;
    for (fault, expected) in table {
        let name = format!("{fault:?}");
        registry.registry().clear_faults();
        registry.registry().add_faults([fault]);
        let store = Arc::new(Memory::new());
        let error = repository.pull(fixture.amd64.descriptor(), &store).await.unwrap_err();
        let text = chain(&error);
        assert_eq!(error.kind(), expected, "{name}: {text}");
        assert!(text.contains("/team/app`") && !text.contains('\n'), "{name}: {text}");
    }
}

// covers: DIST-LIST-04, DIST-LIST-06
#[tokio::test]
async fn pages_are_followed_and_bounded() {
    let (registry, repository, fixture) = pushed().await;
    let document = oci_image::AnyDocument::Manifest(fixture.amd64.clone());
    let mut expected = vec!["v1".to_owned()];
    for number in 0..20 {
        let tag = format!("t{number:02}");
        repository.tag(&tag, &document).await.unwrap();
        expected.push(tag);
    }
    expected.sort();
    assert_eq!(repository.tags().await.unwrap(), expected);
    let mut limits = Limits::default();
    limits.list = 100;
    let client = Client::new(config(&registry).limits(limits)).unwrap();
    let bounded = client.repository(&repository.to_string()).unwrap();
    let error = bounded.tags().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{}", chain(&error));
    registry.registry().add_faults([Fault::link_loop("/tags/")]);
    let error = repository.tags().await.unwrap_err();
    let kinds = [ErrorKind::Protocol, ErrorKind::Limit];
    assert!(kinds.contains(&error.kind()), "{}", chain(&error));
}

// covers: DIST-ERR-04, DIST-ERR-05
#[tokio::test]
async fn warnings_are_kept_once() {
    let serve = oci_registry::serve(Store::memory()).warning("this registry closes in May");
    let registry = start(serve).await;
    let host = registry.address().to_string();
    let client = Client::new(Config::default().plain_http(&host)).unwrap();
    let repository = client.repository(&format!("{host}/team/app")).unwrap();
    for _ in 0..3 {
        let _ = repository.resolve("v1").await;
    }
    let warnings = client.warnings();
    let texts: Vec<_> = warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(texts, ["this registry closes in May"]);
    assert_eq!(warnings[0].registry.as_str(), host);
}

#[tokio::test]
async fn the_digest_decides_and_not_an_encoding_that_there_is_not() {
    let (registry, repository, fixture) = pushed().await;
    for encoding in ["gzip", "x-gzip", "aws-chunked", "identity"] {
        registry.registry().clear_faults();
        registry.registry().add_faults([Fault::set_header("", "content-encoding", encoding)]);
        let store = Arc::new(Memory::new());
        repository.pull(fixture.index.descriptor(), &store).await.unwrap();
        assert_eq!(store.digests(), fixture.blobs.digests(), "{encoding}");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_a_tag_hides_no_other() {
    let (registry, repository, _) = pushed().await;
    let list = r#"{"name":"team/app","tags":["v1","","a/b","-x","v2"]}"#;
    registry.registry().add_faults([Fault::answer("/tags/list", StatusCode::OK, list)]);
    let client = Client::new(config(&registry)).unwrap();
    let app = client.repository(&repository.to_string()).unwrap();
    assert_eq!(app.tags().await.unwrap(), ["v1", "v2"]);
    let warnings = client.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.text.contains("`a/b`")), "{warnings:?}");
}

#[tokio::test]
async fn an_error_tells_whether_it_may_pass_and_how_often_was_tried() {
    let table = [
        (Fault::status("", StatusCode::UNAUTHORIZED), false, 1),
        (Fault::status("", StatusCode::FORBIDDEN), false, 1),
        (Fault::status("", StatusCode::NOT_FOUND), false, 1),
        (Fault::status("", StatusCode::BAD_REQUEST), false, 1),
        (Fault::status("", StatusCode::NOT_IMPLEMENTED), false, 1),
        (Fault::status("", StatusCode::REQUEST_TIMEOUT), true, 5),
        (Fault::status("", StatusCode::TOO_MANY_REQUESTS), true, 5),
        (Fault::status("", StatusCode::INTERNAL_SERVER_ERROR), true, 5),
        (Fault::status("", StatusCode::SERVICE_UNAVAILABLE), true, 5),
        (Fault::disconnect(""), true, 5),
        (Fault::redirect_loop(""), false, 1),
        (Fault::wrong_bytes(""), false, 1),
    ];
    let (registry, repository, fixture) = pushed().await;
    for (fault, is_transient, attempts) in table {
        let case = format!("{fault:?}");
        registry.registry().clear_faults();
        registry.registry().add_faults([fault]);
        let error = repository.manifest(fixture.amd64.descriptor()).await.unwrap_err();
        assert_eq!((error.is_transient(), error.attempts()), (is_transient, attempts), "{case}");
        let blob = repository.blob(&fixture.layers[2]).unwrap();
        let error = blob.read_to_end(u64::MAX).await.unwrap_err();
        assert_eq!((error.is_transient(), error.attempts()), (is_transient, attempts), "{case}");
    }
    drop(registry);
    let error = repository.tags().await.unwrap_err();
    assert_eq!((error.is_transient(), error.attempts()), (true, 5));
}
