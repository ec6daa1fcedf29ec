use std::io;

use oci_distribution_client::{BlockingRepository, ErrorKind, Repository};
use oci_image::blob::{BlobSinkExt, BlobSource, BlobSourceExt, Memory};
use oci_image::build::Builder;
use oci_image::images::{Error, Images};
use oci_image::platform::choice::Choice;
use oci_image::{Descriptor, Document, Index, MediaType, Platform, annotations};

use crate::fixture::{Fixture, chain, registry, repository};

fn put_index(blobs: &Memory, entries: Vec<Descriptor>) -> Descriptor {
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    index.manifests = entries;
    let index = Document::new(index).unwrap();
    blobs.put(index.descriptor(), index.bytes()).unwrap();
    index.descriptor().clone()
}

fn put_image(blobs: &Memory, platform: &str) -> Descriptor {
    let image = Builder::new(&platform.parse().unwrap()).build().unwrap();
    blobs.put(image.config().descriptor(), image.config().bytes()).unwrap();
    blobs.put(image.manifest().descriptor(), image.manifest().bytes()).unwrap();
    image.descriptor()
}

fn unstated(mut entry: Descriptor) -> Descriptor {
    entry.platform = None;
    entry
}

#[tokio::test]
async fn the_same_image_is_chosen_as_from_a_store_of_blobs() {
    let registry = registry().await;
    let repository = repository(&registry, "team/app");
    let blobs = std::sync::Arc::new(Memory::new());
    let [amd64, arm64, x86] =
        ["linux/amd64", "linux/arm64", "linux/386"].map(|platform| put_image(&blobs, platform));
    let nested = put_index(&blobs, vec![amd64.clone()]);
    for (entries, chosen) in [
        (vec![arm64.clone(), amd64.clone()], Some(&amd64)),
        (vec![unstated(arm64.clone()), unstated(amd64.clone())], Some(&amd64)),
        (vec![nested.clone(), x86.clone()], Some(&amd64)),
        (vec![x86.clone()], Some(&x86)),
        (vec![unstated(arm64.clone())], None),
    ] {
        let index = put_index(&blobs, entries);
        repository.push(&blobs, &index).tag("v1").await.unwrap();
        let platform: Platform = "linux/amd64".parse().unwrap();
        let ours = repository.image_for("v1", &platform).await;
        let document = blobs.document::<Index>(&index).unwrap();
        let there = Choice::new(&platform, &document.manifests).over(&*blobs).ok();
        assert_eq!(there.as_ref().map(|it| &it.digest), chosen.map(|it| &it.digest));
        match (ours, chosen) {
            (Ok(ours), Some(chosen)) => {
                assert_eq!(ours.digest, chosen.digest);
                let config = ours.config().await.unwrap();
                assert_eq!(Some(config.platform()), chosen.platform);
            }
            (Err(error), None) => {
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(
                    chain(&error).contains("there are only images for `linux/arm64`"),
                    "{}",
                    chain(&error)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn blocking<T: Send + 'static>(
    repository: &Repository,
    work: impl FnOnce(&BlockingRepository) -> T + Send + 'static,
) -> T {
    let blocking = repository.blocking(tokio::runtime::Handle::current());
    tokio::task::spawn_blocking(move || work(&blocking)).await.unwrap()
}

#[tokio::test]
async fn a_repository_has_images_for_callers_that_block() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let repository = repository(&registry, "team/app");
    let (index, image) = (fixture.index.descriptor().clone(), fixture.amd64.descriptor().clone());
    repository.push(&fixture.blobs, &index).tag("v1").await.unwrap();
    repository.push(&fixture.blobs, &image).tag("amd64").await.unwrap();
    let blobs = fixture.blobs.clone();
    let place = format!("repository `{repository}`");
    blocking(&repository, move |images| {
        let listed: Vec<_> = images.list().unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(listed, [Some("amd64".into()), Some("v1".into())]);
        let mut named = index.clone();
        named.annotations.insert(annotations::REF_NAME.into(), "v1".into());
        assert_eq!(images.resolve("v1").unwrap(), named);
        assert_eq!(images.resolve(index.digest.as_str()).unwrap(), index);
        let missing = images.resolve("v2").unwrap_err();
        let Error::NotFound { place: named, .. } = &missing else { panic!("{missing:?}") };
        assert_eq!((named, missing.kind()), (&place, io::ErrorKind::NotFound));

        let found = images.image_for("v1", &"linux/amd64".parse().unwrap()).unwrap();
        assert_eq!(found.descriptor().digest, image.digest);
        for node in images.walk(&index) {
            let blob = node.unwrap().descriptor;
            assert_eq!(images.read(&blob, 4 << 20).unwrap(), blobs.read(&blob, 4 << 20).unwrap());
        }
        let absent = Descriptor::of(MediaType::LAYER_TAR, "absent");
        assert!(images.open(&absent).unwrap().is_none());
        assert_eq!(images.referrers(&image.digest).unwrap(), []);
    })
    .await;
}
