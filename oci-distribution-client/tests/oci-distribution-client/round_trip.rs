use std::sync::{Arc, Mutex};

use oci_distribution_client::{Client, Step};
use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
use oci_image::{AnyDocument, Descriptor, Document, Index, Manifest, MediaType, Platform};

use crate::fixture::{Fixture, blob, chain, config, registry, repository};

// covers: DIST-PULL-01, DIST-PULL-02, DIST-PULL-09, DIST-PUSH-01, DIST-MAN-03, DIST-MAN-04, DIST-GEN-08
#[tokio::test]
async fn what_is_pushed_is_pulled_byte_for_byte() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");

    let pushed =
        repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").tag("v2").await;
    let pushed = pushed.unwrap();
    assert_eq!((pushed.moved, pushed.present), (9, 0));

    let image = repository.resolve("v2").await.unwrap();
    assert_eq!(image.descriptor(), fixture.index.descriptor());
    let store = Arc::new(Memory::new());
    let pulled = repository.pull(&image, &store).jobs(3).await.unwrap();
    assert_eq!((pulled.moved, pulled.present), (9, 0));
    assert_eq!(pulled.moved_bytes, pushed.moved_bytes);
    assert_eq!(store.digests(), fixture.blobs.digests());
    assert_eq!(registry.registry().open_uploads(), 0);
}

#[tokio::test]
async fn a_whole_name_means_its_digest_or_its_tag_or_the_latest() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    let (index, image) = (fixture.index.descriptor(), fixture.amd64.descriptor());
    repository.push(&fixture.blobs, index).tag("v1").await.unwrap();
    repository.push(&fixture.blobs, image).tag("latest").await.unwrap();
    let client = Client::new(config(&registry)).unwrap();
    let digest = &image.digest;
    for (ending, expected) in [
        (String::new(), image),
        (":v1".to_owned(), index),
        (format!("@{digest}"), image),
        (format!(":v1@{digest}"), image),
    ] {
        let name = format!("{repository}{ending}");
        let resolved = client.resolve(&name.parse().unwrap()).await.unwrap();
        assert_eq!(resolved.descriptor(), expected, "{name}");
        assert_eq!(resolved.repository().to_string(), repository.to_string());
    }
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    let again =
        repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();
    assert_eq!((again.moved, again.present), (3, 6));

    let store = Arc::new(Memory::new());
    repository.pull(fixture.amd64.descriptor(), &store).await.unwrap();
    let again = repository.pull(fixture.index.descriptor(), &store).await.unwrap();
    assert_eq!((again.moved, again.present), (3, 6));
}

#[tokio::test]
async fn one_platform_of_an_index_is_pulled_alone() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1").await.unwrap();

    let platform = Platform::new("amd64".into(), "linux".into());
    let index = repository.resolve("v1").await.unwrap();
    let image = index.platform(&platform).await.unwrap();
    assert_eq!(image.digest, fixture.amd64.descriptor().digest);
    let AnyDocument::Manifest(manifest) = image.manifest().await.unwrap() else {
        panic!("it is a manifest")
    };
    assert_eq!(manifest.bytes(), fixture.amd64.bytes());

    let store = Arc::new(Memory::new());
    repository.pull(&image, &store).await.unwrap();
    assert_eq!(store.digests().len(), 6);

    let other = Platform::new("riscv64".into(), "linux".into());
    let error = repository.resolve("v1").await.unwrap().platform(&other).await.unwrap_err();
    let text = chain(&error);
    assert!(
        text.contains("linux/riscv64") && text.contains("`linux/amd64`, `linux/arm64`"),
        "{text}"
    );
}

#[tokio::test]
async fn a_manifest_that_another_one_has_as_a_layer_is_followed_all_the_same() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    let layer = Descriptor::new(MediaType::LAYER_TAR, image.digest.clone(), image.size);
    let mut hiding = Manifest::new(blob(&fixture.blobs, MediaType::EMPTY_JSON, b"{}"));
    hiding.media_type = Some(MediaType::IMAGE_MANIFEST);
    hiding.layers.push(layer);
    let hiding = Document::new(hiding).unwrap();
    fixture.blobs.put(hiding.descriptor(), hiding.bytes()).unwrap();
    let mut index = Index::new();
    index.manifests = vec![hiding.descriptor().clone(), image.clone()];
    let index = Document::new(index).unwrap();
    fixture.blobs.put(index.descriptor(), index.bytes()).unwrap();

    repository.push(&fixture.blobs, index.descriptor()).await.unwrap();
    let store = Arc::new(Memory::new());
    repository.pull(index.descriptor(), &store).await.unwrap();
    for child in fixture.amd64.layers.iter().chain([&fixture.amd64.config]) {
        assert!(store.digests().contains(&child.digest), "{}", child.digest);
    }
}

// covers: IMG-LAYER-17, IMG-LAYER-18
#[tokio::test]
async fn a_layer_stays_here_by_its_type_and_not_by_its_urls() {
    let (registry, blobs) = (registry().await, Arc::new(Memory::new()));
    let repository = repository(&registry, "team/app");
    let mut layers = [
        blob(&blobs, MediaType::LAYER_TAR, b"free"),
        blob(&blobs, MediaType::LAYER_NONDISTRIBUTABLE_TAR, b"kept"),
    ];
    for layer in &mut layers {
        layer.urls.push("https://example.org/layer".into());
    }
    let mut manifest = Manifest::new(blob(&blobs, MediaType::IMAGE_CONFIG, b"{}"));
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers = layers.to_vec();
    let manifest = Document::new(manifest).unwrap();
    blob(&blobs, MediaType::IMAGE_MANIFEST, manifest.bytes());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&kept);
    let push = repository.push(&blobs, manifest.descriptor()).progress(move |event| {
        if let Step::Foreign = event.step {
            listener.lock().unwrap().push(event.blob.digest.clone());
        }
    });
    assert_eq!(push.await.unwrap().moved, 3);
    assert_eq!(*kept.lock().unwrap(), [layers[1].digest.clone()]);
}

#[tokio::test]
async fn every_blob_reports_its_steps() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    let large = fixture.layers[3].clone();
    let steps = Mutex::new(Vec::new());
    let listen = |event: oci_distribution_client::Event<'_>| {
        if *event.blob == large {
            steps.lock().unwrap().push(event.step);
        }
    };
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).progress(listen).await.unwrap();
    let store = Arc::new(Memory::new());
    repository.pull(fixture.amd64.descriptor(), &store).progress(listen).await.unwrap();

    let steps = steps.into_inner().unwrap();
    let ends: Vec<_> = steps.iter().filter(|step| !matches!(step, Step::Moved(_))).collect();
    assert_eq!(ends, [&Step::Planned, &Step::Done, &Step::Planned, &Step::Done]);
    let moved = steps.iter().filter(|step| **step == Step::Moved(large.size));
    assert_eq!(moved.count(), 2, "{steps:?}");
}

// covers: DIST-PUSH-05, DIST-PUSH-06, DIST-PUSH-07, DIST-PUSH-08, DIST-PUSH-10
#[tokio::test]
async fn chunks_of_any_size_make_the_same_blob() {
    let fixture = Fixture::new();
    for chunk in [1_000_000, 2_999_999, 3_000_000, 3_000_001] {
        let registry = registry().await;
        let repository = repository(&registry, "team/app");
        let push = repository.push(&fixture.blobs, fixture.amd64.descriptor());
        push.chunks(chunk).tag("v1").await.unwrap();
        let store = Arc::new(Memory::new());
        repository.pull(fixture.amd64.descriptor(), &store).await.unwrap();
        assert_eq!(store.digests().len(), 6);
        assert_eq!(registry.registry().open_uploads(), 0);
    }
}

// covers: DIST-PULL-11
#[tokio::test]
async fn a_blob_is_read_whole_or_in_part() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    repository.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    for layer in &fixture.layers {
        let expected = fixture.blobs.read(layer, usize::MAX).unwrap();
        let read = repository.blob(layer).unwrap().read_to_end(u64::MAX).await.unwrap();
        assert!(read == expected, "blob of {} bytes", layer.size);
    }
    let layer = &fixture.layers[2];
    let expected = fixture.blobs.read(layer, usize::MAX).unwrap();
    let part = repository.danger_blob_range(&layer.digest, 100, 299).await.unwrap();
    assert_eq!(part, expected[100..300]);
    assert!(repository.has_blob(layer).await.unwrap());
}
