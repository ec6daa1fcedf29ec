//! One blob, one manifest, a stream; an image that is edited where it is.

use std::sync::Arc;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, ErrorKind};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::build::{Artifact, Builder, Layer};
use oci_image::{AnyDocument, Descriptor, Digest, MediaType, Platform};
use oci_registry::{Fault, Store};
use tokio::io::AsyncReadExt;

use crate::fixture::{Fixture, chain, noise, quick, registry, repository};
use crate::local::{Local, Seen};

#[tokio::test]
async fn blobs_and_manifests_are_pushed_one_by_one() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let document = AnyDocument::Manifest(fixture.amd64.clone());
    for blob in document.children() {
        app.push_blob(&fixture.blobs, blob).await.unwrap();
        app.push_blob(&fixture.blobs, blob).await.unwrap();
    }
    app.push_manifest(&document).await.unwrap();
    assert_eq!(app.tags().await.unwrap(), [""; 0]);
    assert_eq!(app.manifest(document.descriptor()).await.unwrap(), document);
    let missing = Descriptor::of(MediaType::LAYER_TAR, "missing");
    let error = app.push_blob(&fixture.blobs, &missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source, "{}", chain(&error));
}

#[tokio::test]
async fn a_stream_is_pushed_without_knowing_its_end() {
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    let long = noise(5, (8 << 20) + 3);
    for content in [&[][..], b"short", &long] {
        for fault in [
            None,
            Some(Fault::lose_answer("/uploads/").method(Method::PATCH).times(1)),
            Some(Fault::lose_answer("/uploads/").method(Method::PUT).times(1)),
            Some(Fault::disconnect("/uploads/").method(Method::PATCH).times(1)),
        ] {
            registry.registry().clear_faults();
            let case = format!("{} {fault:?}", content.len());
            registry.registry().add_faults(fault);
            let pushed = app.push_stream(content, "text/plain".into()).await;
            let pushed = pushed.unwrap_or_else(|error| panic!("{case}: {}", chain(&error)));
            assert_eq!(pushed, Descriptor::of("text/plain".into(), content), "{case}");
            assert!(app.has_blob(&pushed).await.unwrap(), "{case}");
            assert_eq!(registry.registry().open_uploads(), 0, "{case}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_fails_leaves_no_upload() {
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    let long = noise(6, 9 << 20);
    let error =
        app.push_stream((&long[..]).chain(broken()), "text/plain".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(registry.registry().open_uploads(), 0);

    let least = Fault::set_header("/uploads/", "oci-chunk-min-length", "67108865");
    registry.registry().add_faults([least]);
    let error = app.push_stream(&b"short"[..], "text/plain".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(registry.registry().open_uploads(), 0);
    registry.registry().clear_faults();
    let least = Fault::set_header("/uploads/", "oci-chunk-min-length", "67108864");
    registry.registry().add_faults([least]);
    app.push_stream(&b"short"[..], "text/plain".into()).await.unwrap();
}

#[tokio::test]
async fn a_remote_image_is_edited_without_its_layers() {
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    let store = Arc::new(Memory::new());
    let tar = [0; 1024];
    let layer = Descriptor::of(MediaType::LAYER_TAR, tar);
    store.put(&layer, &tar).unwrap();
    let builder = Builder::new(&Platform::host()).layer(Layer::new(layer, Digest::sha256(tar)));
    let image = builder.label("org.example.kept", "yes").build().unwrap();
    let image = store.put_image_from(&image, &store).unwrap();
    app.push(&store, &image).tag("v1").await.unwrap();

    let image = app.image("v1").await.unwrap().image().await.unwrap();
    let edited = Builder::of(&image).env("MODE", "test").label("org.example", "1");
    let edited = edited.annotation("org.example.team", "core").build().unwrap();
    let pushed = app.push(&edited, &edited.descriptor()).tag("v2").await.unwrap();
    assert_eq!((pushed.present, pushed.moved), (1, 2));
    let found = app.image("v2").await.unwrap().image().await.unwrap();
    assert_eq!(found, edited);
    assert_eq!(found.config().value().config.as_ref().unwrap().labels.len(), 2);

    let index = Fixture::new();
    app.push(&index.blobs, index.index.descriptor()).tag("all").await.unwrap();
    let error = app.resolve("all").await.unwrap().image().await.unwrap_err();
    assert!(error.to_string().contains("`Resolved::platform`"), "{error}");
}

#[tokio::test]
async fn one_file_of_an_artifact_is_read_alone() {
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    let store = Arc::new(Memory::new());
    let put = |bytes: &[u8]| {
        let blob = Descriptor::of("text/plain".into(), bytes);
        store.put(&blob, bytes).unwrap();
        blob
    };
    let artifact = Artifact::new("application/x.report".into())
        .file("a.txt", put(b"first"))
        .file("b/b.txt", put(b"second"))
        .build()
        .unwrap();
    store.put_artifact_from(&artifact, &store).unwrap();
    app.push(&store, artifact.descriptor()).tag("v1").await.unwrap();
    let resolved = app.resolve("v1").await.unwrap();
    let file = resolved.file("b/b.txt").await.unwrap();
    assert_eq!(file.read_to_end(100).await.unwrap(), b"second");
    assert_eq!(resolved.file("b").await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// What fails when it is read.
fn broken() -> impl tokio::io::AsyncRead + Send {
    struct Broken;
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
        }
    }
    Broken
}

// covers: DIST-PUSH-04
#[tokio::test(start_paused = true)]
async fn blobs_go_with_a_single_post_where_the_registry_takes_that() {
    let posts = |fault: Fault| vec![fault.method(Method::POST).times(1)];
    let uploads = "/uploads/";
    // The empty layer is sent in a session. Those that were begun and not needed are cancelled.
    for (name, faults, expected) in [
        ("taken", vec![], (4, 5, 1)),
        ("ignored", vec![Fault::refuse_single_post(uploads)], (1, 5, 5)),
        ("not known", posts(Fault::status(uploads, StatusCode::METHOD_NOT_ALLOWED)), (1, 6, 5)),
        ("failed", posts(Fault::status(uploads, StatusCode::INTERNAL_SERVER_ERROR)), (4, 6, 2)),
        ("too large", posts(Fault::status(uploads, StatusCode::PAYLOAD_TOO_LARGE)), (4, 6, 2)),
    ] {
        let registry = oci_registry::serve(Store::memory()).registry();
        registry.add_faults(faults);
        let (local, fixture) = (Local::new(&registry), Fixture::new());
        let config = Config::default().transport(local.clone()).retry(quick());
        let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
        let image = fixture.amd64.descriptor();
        app.push(&fixture.blobs, image).single_post().jobs(1).tag("v1").await.unwrap();
        let count = |method: Method| {
            let seen = local.seen();
            seen.iter().filter(|it| it.method == method && it.path.contains(uploads)).count()
        };
        let single = |it: &&Seen| it.query.as_deref().is_some_and(|it| it.contains("digest="));
        let posts = local.seen().into_iter().filter(|it| it.method == Method::POST);
        let posted = posts.filter(|it| single(&it)).count();
        assert_eq!((posted, count(Method::POST), count(Method::PUT)), expected, "{name}");
        assert_eq!(registry.open_uploads(), 0, "{name}");
        let store = Arc::new(Memory::new());
        app.pull(image, &store).await.unwrap();
    }
}
