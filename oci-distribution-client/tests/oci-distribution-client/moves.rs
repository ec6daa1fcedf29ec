//! Copies, referrers and deletion.

use std::sync::Arc;

use http::StatusCode;
use oci_distribution_client::{Client, Config, ErrorKind};
use oci_image::blob::{BlobSourceExt, Memory};
use oci_image::distribution::referrers_tag;
use oci_image::{AnyDocument, MediaType};
use oci_registry::{Fault, Store};

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, chain, quick, referrer, registry, repository, start};

#[tokio::test]
async fn a_copy_within_a_registry_moves_no_blob() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let from = repository(&registry, "team/app");
    from.push(&fixture.blobs, fixture.index.descriptor()).await.unwrap();
    let to = repository(&registry, "other/app");
    let copied = from.copy_to(&to, fixture.index.descriptor()).tag("v1").await.unwrap();
    assert_eq!((copied.mounted, copied.moved), (6, 3));
    let again = from.copy_to(&from, fixture.index.descriptor()).tag("v2").await.unwrap();
    assert_eq!((again.present, again.moved), (8, 1));
    let store = Arc::new(Memory::new());
    to.pull(&to.resolve("v1").await.unwrap(), &store).await.unwrap();
    assert_eq!(store.digests(), fixture.blobs.digests());
}

#[tokio::test]
async fn a_copy_between_registries_survives_faults_on_both_sides() {
    let (source, target, fixture) = (registry().await, registry().await, Fixture::new());
    let from = repository(&source, "team/app");
    from.push(&fixture.blobs, fixture.index.descriptor()).await.unwrap();
    source.registry().add_faults([Fault::cut_body("/blobs/", 100_000).times(3)]);
    let lost = Fault::lose_answer("/uploads/").method(http::Method::PUT).times(2);
    target.registry().add_faults([lost]);
    let to = repository(&target, "team/app");
    let copied = from.copy_to(&to, fixture.index.descriptor()).tag("v1").await.unwrap();
    assert_eq!(copied.moved, 9);
    let store = Arc::new(Memory::new());
    to.pull(&to.resolve("v1").await.unwrap(), &store).await.unwrap();
    assert_eq!(store.digests(), fixture.blobs.digests());
    assert_eq!(target.registry().open_uploads(), 0);
}

#[tokio::test]
async fn a_copy_of_wrong_bytes_tags_nothing_and_leaves_no_upload() {
    let (source, target, fixture) = (registry().await, registry().await, Fixture::new());
    let from = repository(&source, "team/app");
    from.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    let layer = &fixture.layers[3].digest;
    source.registry().add_faults([Fault::wrong_bytes(format!("/blobs/{layer}"))]);
    let to = repository(&target, "team/app");
    let error = from.copy_to(&to, fixture.amd64.descriptor()).tag("v1").await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains(layer.as_str()) && text.contains("has digest"), "{text}");
    assert_eq!(target.registry().open_uploads(), 0);
    assert_eq!(to.resolve("v1").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!to.has_blob(&fixture.layers[3]).await.unwrap());
}

/// What the other registry has under the name of the source is its own.
#[tokio::test]
async fn a_copy_to_another_registry_mounts_nothing() {
    let (near, far, fixture) = (registry().await, registry().await, Fixture::new());
    let (from, image) = (repository(&near, "team/app"), fixture.amd64.descriptor());
    for registry in [&near, &far] {
        repository(registry, "team/app").push(&fixture.blobs, image).await.unwrap();
    }
    let copied = from.copy_to(&repository(&far, "other/app"), image).await.unwrap();
    assert_eq!((copied.mounted, copied.moved), (0, 6));
}

#[tokio::test]
async fn the_last_bytes_of_a_copy_are_sent_when_all_of_them_are_verified() {
    let fixture = Fixture::new();
    let image = fixture.amd64.descriptor();
    let (manifest, blobs) = (fixture.amd64.bytes().to_vec(), fixture.blobs.clone());
    for is_right in [true, false] {
        let (manifest, blobs) = (manifest.clone(), blobs.clone());
        let wanted: Vec<_> =
            fixture.layers.iter().chain([&fixture.amd64.config]).cloned().collect();
        let fake = Fake::new(move |seen| match (seen.host(), seen.method.as_str()) {
            ("near.example", _) if seen.uri.path().contains("/manifests/") => {
                let media_type = ("content-type", MediaType::IMAGE_MANIFEST.as_str());
                answer(200, &[media_type], manifest.clone())
            }
            ("near.example", _) => {
                let path = seen.uri.path();
                let blob = wanted.iter().find(|it| path.ends_with(it.digest.as_str())).unwrap();
                let mut bytes = blobs.read(blob, 4_000_000).unwrap();
                if let Some(last) = bytes.last_mut().filter(|_| !is_right) {
                    *last ^= 1;
                }
                answer(200, &[], bytes)
            }
            (_, "POST") => answer(202, &[("location", "/v2/app/blobs/uploads/1")], ""),
            (_, "PUT") => answer(201, &[("location", "/v2/app/x")], ""),
            _ => answer(404, &[], ""),
        });
        let client = Client::new(Config::default().retry(quick()).transport(fake.clone())).unwrap();
        let place = |host: &str| client.repository(&format!("{host}/app")).unwrap();
        let (near, far) = (place("near.example"), place("far.example"));
        let copied = near.copy_to(&far, image).await;
        assert_eq!(copied.is_ok(), is_right);
        // What is sent as one piece is sent whole or not at all.
        let broken: Vec<_> = fake.broken().iter().map(|seen| seen.body.len()).collect();
        assert!(broken.iter().all(|length| *length == 0), "{broken:?}");
        assert_eq!(broken.is_empty(), is_right);
    }
}

// covers: DIST-REF-02, DIST-REF-03, DIST-REF-04, DIST-REF-05, DIST-REF-06, DIST-REF-07, DIST-REF-08, DIST-MAN-10, DIST-DEL-04, DIST-GEN-11
#[tokio::test]
async fn referrers_are_listed_with_and_without_the_api() {
    let plain = || oci_registry::serve(Store::memory());
    let serves = [
        ("api", plain()),
        ("api, unfiltered", plain().faults([Fault::ignore_filter("/referrers/")])),
        ("no api", plain().without_referrers()),
        (
            "a page for people",
            plain().without_referrers().faults([Fault::answer(
                "/referrers/",
                StatusCode::OK,
                "<html>",
            )]),
        ),
    ];
    for (name, serve) in serves {
        let (registry, fixture) = (start(serve).await, Fixture::new());
        let repository = repository(&registry, "team/app");
        repository.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
        let subject = fixture.amd64.descriptor();
        assert_eq!(repository.referrers(&subject.digest, None).await.unwrap(), [], "{name}");
        let kinds = ["application/x.sbom", "application/x.signature"];
        let manifests = kinds.map(|kind| referrer(&fixture.blobs, subject, kind));
        for manifest in &manifests {
            // Twice, and still there once.
            for _ in 0..2 {
                repository.push(&fixture.blobs, manifest.descriptor()).await.unwrap();
            }
        }
        let listed = repository.referrers(&subject.digest, None).await.unwrap();
        let mut digests: Vec<_> = listed.iter().map(|entry| entry.digest.clone()).collect();
        digests.sort();
        let mut expected =
            manifests.each_ref().map(|manifest| manifest.descriptor().digest.clone());
        expected.sort();
        assert_eq!(digests, expected, "{name}");
        let kind = MediaType::from(kinds[1]);
        let filtered = repository.referrers(&subject.digest, Some(&kind)).await.unwrap();
        assert_eq!(filtered.len(), 1, "{name}");
        assert_eq!(filtered[0].digest, manifests[1].descriptor().digest, "{name}");
        assert_eq!(filtered[0].artifact_type, Some(kind), "{name}");
        assert_eq!(filtered[0].annotations["org.example.kind"], kinds[1], "{name}");

        repository.delete_manifest(&manifests[0].descriptor().digest).await.unwrap();
        let left = repository.referrers(&subject.digest, None).await.unwrap();
        assert_eq!(left, filtered, "{name}");
    }
}

#[tokio::test]
async fn referrers_that_many_push_at_once_are_all_listed() {
    let registry = start(oci_registry::serve(Store::memory()).without_referrers()).await;
    let fixture = Fixture::new();
    let repository = repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    let subject = fixture.amd64.descriptor();
    let kinds = ["application/x.a", "application/x.b", "application/x.c", "application/x.d"];
    let manifests = kinds.map(|kind| referrer(&fixture.blobs, subject, kind));
    let pushes = manifests.each_ref().map(|manifest| {
        let push = repository.push(&fixture.blobs, manifest.descriptor());
        push.into_future()
    });
    for result in futures_util::future::join_all(pushes).await {
        result.unwrap();
    }
    assert_eq!(repository.referrers(&subject.digest, None).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_tag_of_referrers_that_means_an_image_is_left_alone() {
    let registry = start(oci_registry::serve(Store::memory()).without_referrers()).await;
    let fixture = Fixture::new();
    let repository = repository(&registry, "team/app");
    let subject = fixture.amd64.descriptor();
    let tag = referrers_tag(&subject.digest);
    repository.push(&fixture.blobs, subject).tag(tag.as_str()).await.unwrap();
    let manifest = referrer(&fixture.blobs, subject, "application/x.a");
    let error = repository.push(&fixture.blobs, manifest.descriptor()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    assert_eq!(repository.resolve(tag.as_str()).await.unwrap().descriptor(), subject);
    assert_eq!(repository.referrers(&subject.digest, None).await.unwrap(), []);
}

// covers: DIST-DEL-01, DIST-DEL-02, DIST-DEL-03, DIST-DEL-05
#[tokio::test]
async fn deleting_deletes_or_says_that_it_is_not_done_here() {
    let fixture = Fixture::new();
    let document = AnyDocument::Manifest(fixture.amd64.clone());
    let digest = &fixture.amd64.descriptor().digest;
    let registry = registry().await;
    let app = repository(&registry, "team/app");
    app.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").tag("v2").await.unwrap();
    app.delete_tag("v1").await.unwrap();
    assert_eq!(app.tags().await.unwrap(), ["v2"]);
    app.delete_manifest(digest).await.unwrap();
    assert_eq!(app.manifest(document.descriptor()).await.unwrap_err().kind(), ErrorKind::NotFound);
    let layer = &fixture.layers[3];
    assert_eq!(app.blob_size(&layer.digest).await.unwrap(), layer.size);
    app.delete_blob(&layer.digest).await.unwrap();
    assert!(!app.has_blob(layer).await.unwrap());
    let error = app.blob_size(&layer.digest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(app.delete_manifest(digest).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(app.delete_tag("v9").await.unwrap_err().kind(), ErrorKind::NotFound);

    let serve = oci_registry::serve(Store::memory());
    let serve = serve.without_tag_deletion().without_manifest_deletion().without_blob_deletion();
    let registry = start(serve).await;
    let app = repository(&registry, "team/app");
    app.push(&fixture.blobs, fixture.amd64.descriptor()).tag("v1").await.unwrap();
    for error in [
        app.delete_tag("v1").await.unwrap_err(),
        app.delete_manifest(digest).await.unwrap_err(),
        app.delete_blob(&fixture.layers[3].digest).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    }
}
