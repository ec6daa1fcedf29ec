use std::sync::Arc;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, ErrorKind, Tls};
use oci_image::blob::Memory;
use oci_image::{Descriptor, MediaType};
use oci_registry::{Fault, Store};

use crate::fixture::{Fixture, chain, quick, registry, repository, start};

/// Pulls the fixture with `fault`, and gives the error and its text.
async fn pull_with(fault: Fault) -> (ErrorKind, String) {
    let fixture = Fixture::new();
    let registry = start(oci_registry::serve(Store::memory())).await;
    let repository = repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").await.unwrap();
    registry.registry().add_faults([fault]);
    let store = Arc::new(Memory::new());
    let error = repository.pull(fixture.amd64.descriptor(), &store).await.unwrap_err();
    let manifest = &fixture.amd64.descriptor().digest;
    assert!(!store.digests().contains(manifest), "a manifest without its blobs: {error}");
    (error.kind(), chain(&error))
}

// covers: DIST-PULL-09, IMG-DESC-05, IMG-DESC-07
#[tokio::test]
async fn wrong_content_is_refused_and_named() {
    let fixture = Fixture::new();
    let layer = &fixture.layers[2].digest;
    let path = format!("/blobs/{layer}");
    let faults = [
        ("wrong bytes", Fault::wrong_bytes(path.clone())),
        ("short", Fault::truncate_body(path.clone(), 1000)),
        ("long", Fault::extend_body(path.clone(), "more")),
        ("nothing", Fault::answer(path.clone(), StatusCode::OK, "")),
    ];
    for (name, fault) in faults {
        let (kind, text) = pull_with(fault.method(Method::GET)).await;
        assert_eq!(kind, ErrorKind::Verification, "{name}: {text}");
        assert!(text.contains(layer.as_str()), "{name}: {text}");
        assert!(text.contains("/team/app`") && !text.contains('\n'), "{name}: {text}");
    }
}

#[tokio::test]
async fn another_manifest_than_asked_for_is_refused() {
    let fixture = Fixture::new();
    let other = fixture.index.bytes().to_vec();
    let fault = Fault::answer("/manifests/", StatusCode::OK, other).method(Method::GET);
    let (kind, text) = pull_with(fault).await;
    assert_eq!(kind, ErrorKind::Verification, "{text}");
    assert!(text.contains(fixture.amd64.descriptor().digest.as_str()), "{text}");
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let client = Client::new(Config::default().plain_http(&host).retry(quick())).unwrap();
    let repository = client.repository(&format!("{host}/app")).unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = chain(&error);
    assert_eq!(
        text,
        format!(
            "cannot resolve `v1` in `{host}/app`: cannot connect: Connection refused (os error 111)"
        )
    );
}

// covers: DIST-ERR-01, DIST-ERR-02
#[tokio::test]
async fn what_is_not_there_is_told_with_the_registrys_words() {
    let registry = registry().await;
    let repository = repository(&registry, "team/app");
    let error = repository.resolve("v1").await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
    assert!(!error.codes().is_empty());
    assert_eq!(error.action(), format!("resolve `v1` in `{}/team/app`", registry.address()));
}

// covers: DIST-PUSH-14
#[tokio::test]
async fn a_source_without_a_blob_leaves_no_tag_and_no_upload() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    let missing = Descriptor::of(MediaType::LAYER_TAR, b"never stored");
    let broken = fixture.amd64.edit(|manifest| manifest.layers.push(missing.clone())).unwrap();
    let blobs = Arc::clone(&fixture.blobs);
    oci_image::blob::BlobSinkExt::put(&blobs, broken.descriptor(), broken.bytes()).unwrap();
    let error = repository.push(&blobs, broken.descriptor()).tag("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(chain(&error).contains(missing.digest.as_str()), "{}", chain(&error));
    assert_eq!(registry.registry().open_uploads(), 0);
    assert_eq!(repository.resolve("v1").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn invalid_names_are_refused_before_anything_is_asked() {
    let client = Client::new(Config::default()).unwrap();
    for name in
        ["", "host.example/UPPER", "a/b:tag", "host.example/a@sha256:abc", "host.example/../a"]
    {
        assert!(client.repository(name).is_err(), "{name}");
    }
}

#[test]
fn invalid_certificates_are_refused_before_anything_is_asked() {
    const NO_PEM: &str = "0\u{82}\u{1}";
    let all = Config::default;
    let one = |tls: Tls| Config::default().tls("registry.example", tls);
    for config in [
        all().root_certificate(""),
        all().root_certificate(NO_PEM),
        all().client_certificate("", ""),
        all().client_certificate(NO_PEM, NO_PEM),
        one(Tls::new().root_certificate(NO_PEM)),
        one(Tls::new().root_certificate(NO_PEM).danger_accept_any_certificate()),
        one(Tls::new().client_certificate(NO_PEM, NO_PEM)),
    ] {
        let error = Client::new(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(chain(&error).contains("PEM"), "{}", chain(&error));
    }
}

#[test]
fn tls_settings_that_cannot_be_used_name_the_server() {
    let none = || Tls::new().only_these_roots();
    for (server, text) in [
        ("registry.example", "there is no root certificate to trust"),
        (
            "https://registry.example",
            "cannot use `https://registry.example` as a registry: it is a URL: \
             leave out what stands before the host",
        ),
    ] {
        let error = Client::new(Config::default().tls(server, none())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let expected = format!("cannot use the TLS settings of `{server}`: {text}");
        assert_eq!(chain(&error), expected);
    }
}
