//! Parts of an index, and other formats.

use std::sync::Arc;

use oci_distribution_client::ErrorKind;
use oci_image::blob::{BlobSourceExt, Memory};
use oci_image::docker::Format;
use oci_image::{MediaType, Platform, build};
use oci_registry::Store;

use crate::fixture::{Fixture, chain, registry, repository, start};

fn arm64() -> [Platform; 1] {
    ["linux/arm64".parse().unwrap()]
}

#[tokio::test]
async fn an_index_is_rewritten_for_the_platforms_that_are_wanted() {
    let (near, far, fixture) = (registry().await, registry().await, Fixture::new());
    let (app, other) = (repository(&near, "team/app"), repository(&far, "team/app"));
    let index = fixture.index.descriptor();
    let part = build::split(&fixture.index, &arm64()).unwrap();
    assert_ne!(part.descriptor().digest, index.digest);

    let pushed = app.push(&fixture.blobs, index).platforms(arm64()).tag("v1").await.unwrap();
    assert_eq!((&pushed.image, pushed.moved), (part.descriptor(), 6));
    assert_eq!(app.resolve("v1").await.unwrap().descriptor(), part.descriptor());
    assert!(!app.has_blob(&fixture.layers[3]).await.unwrap());

    app.push(&fixture.blobs, index).await.unwrap();
    let copied = app.copy_to(&other, index).platforms(arm64()).tag("v1").await.unwrap();
    assert_eq!((&copied.image, copied.moved), (part.descriptor(), 6));
    let store = Arc::new(Memory::new());
    let pulled = app.pull(index, &store).platforms(arm64()).await.unwrap();
    assert_eq!((&pulled.image, pulled.moved), (part.descriptor(), 6));
    store.any_document(part.descriptor()).unwrap();
    store.any_document(&part.manifests[0]).unwrap();
}

#[tokio::test]
async fn an_index_may_stay_as_it_is_without_all_of_its_images() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let index = fixture.index.descriptor();
    app.push(&fixture.blobs, index).await.unwrap();
    let store = Arc::new(Memory::new());
    let pulled = app.pull(index, &store).sparse_platforms(arm64()).await.unwrap();
    assert_eq!((&pulled.image, pulled.moved), (index, 6));
    assert!(store.any_document(fixture.amd64.descriptor()).is_err());
    let far = start(oci_registry::serve(Store::memory()).sparse_indexes()).await;
    let other = repository(&far, "team/app");
    let copied = app.copy_to(&other, index).sparse_platforms(arm64()).tag("v1").await.unwrap();
    assert_eq!((&copied.image, copied.moved), (index, 6));
    assert_eq!(other.resolve("v1").await.unwrap().descriptor(), index);
    let other = repository(&registry, "team/other");
    let copy = app.copy_to(&other, index).sparse_platforms(arm64()).tag("v1");
    let error = copy.await.unwrap_err();
    assert!(error.to_string().contains("see `platforms`"), "{}", chain(&error));
}

#[tokio::test]
async fn a_platform_that_an_index_does_not_have_is_not_found() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let wanted: Platform = "linux/s390x".parse().unwrap();
    let push = app.push(&fixture.blobs, fixture.index.descriptor()).platforms([wanted]);
    let error = push.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().ends_with("the index has no image for `linux/s390x`"), "{error}");
    // A manifest is taken as it is.
    let push = app.push(&fixture.blobs, fixture.amd64.descriptor()).platforms(arm64());
    assert_eq!(push.await.unwrap().image, *fixture.amd64.descriptor());
}

#[tokio::test]
async fn manifests_are_converted_only_when_asked_and_back_again() {
    let (near, far, fixture) = (registry().await, registry().await, Fixture::new());
    let (app, other) = (repository(&near, "team/app"), repository(&far, "team/app"));
    let index = fixture.index.descriptor();
    let pushed = app.push(&fixture.blobs, index).format(Format::Docker).tag("v1").await.unwrap();
    assert_eq!(pushed.image.media_type, MediaType::DOCKER_MANIFEST_LIST);
    let resolved = app.resolve("v1").await.unwrap();
    assert_eq!(*resolved, pushed.image);
    let amd64 = app.image_for("v1", &"linux/amd64".parse().unwrap()).await.unwrap();
    assert_eq!(amd64.media_type, MediaType::DOCKER_MANIFEST);

    let same = app.copy_to(&other, &resolved).format(Format::Docker).await.unwrap();
    assert_eq!(same.image, pushed.image);
    let back = app.copy_to(&other, &resolved).format(Format::Oci).await.unwrap();
    assert_eq!(back.image, *index);
    // Only the documents are others.
    assert_eq!((back.present, back.moved), (6, 3));

    let copy = app.copy_to(&other, &resolved).format(Format::Oci);
    let error = copy.referrers().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let copy = app.copy_to(&other, &resolved).format(Format::Oci);
    let error = copy.sparse_platforms(arm64()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}
