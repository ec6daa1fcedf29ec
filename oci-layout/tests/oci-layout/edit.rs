//! Images with other layers, and all images of an index.

use std::fs::File;
use std::io::{Seek, Write};

use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
use oci_image::build::{self, Builder, Layer, assemble};
use oci_image::images::{Image, Images};
use oci_image::layer::{Change, Compression, Limits, Timestamp};
use oci_image::{AnyDocument, Descriptor, Document, Index, MediaType, Platform};
use oci_layout::{ErrorKind, Layout, flatten, put_layer, recompress, rewrite, squash};
use oci_testing::tar::{Tar, diff_id};

use crate::damage::store;
use crate::fixture::read_whole;

fn export(layout: &Layout, image: &build::Image) -> Vec<u8> {
    let _ = layout.put_image(image).unwrap();
    let image = Image::select(layout, &image.descriptor(), &image.platform()).unwrap();
    let files = image.files(&Limits::default()).unwrap();
    files.export(Vec::new(), &Compression::none()).unwrap().0
}

#[test]
fn a_flattened_image_has_the_files_of_all_layers_in_one() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let limits = Limits::default();
    let flat = flatten(&image, &Compression::gzip(), &limits, &layout).unwrap();
    assert_eq!(flat.manifest().layers.len(), 1);
    assert_eq!(flat.config().history.len(), 1);
    assert_eq!(export(&layout, &flat), export(&layout, &image.documents().unwrap()));
}

#[test]
fn a_squashed_image_has_one_layer_for_some_and_the_same_files() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let (limits, gzip) = (Limits::default(), Compression::gzip());
    let before = image.documents().unwrap();
    let count = before.manifest().layers.len();
    let squashed = squash(&image, 1..count, &gzip, &limits, &layout).unwrap();
    assert_eq!(squashed.manifest().layers.len(), 2);
    assert_eq!(squashed.manifest().layers[0], before.manifest().layers[0]);
    assert_eq!(squashed.config().history.len(), before.config().history.len() + 1);
    assert_eq!(export(&layout, &squashed), export(&layout, &before));
    let sink = Memory::new();
    let beyond = [(1..1), (1..count + 1), (count..count + 1)];
    for range in beyond {
        let error = squash(&image, range, &gzip, &limits, &sink).unwrap_err();
        assert!(error.to_string().starts_with("cannot squash image `sha256:"), "{error}");
    }
    assert!(sink.digests().is_empty());
}

#[test]
fn what_is_left_out_of_a_layer_is_gone_and_other_layers_stay() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let path = "etc/one".parse().unwrap();
    let without = |change: Change| (*change.path() != path).then_some(change);
    let limits = Limits::default();
    let stripped = rewrite(&image, &limits, &layout, without).unwrap();
    assert_eq!(stripped.manifest().layers[1], image.manifest().layers[1]);
    assert_eq!(stripped.config().history, image.config().unwrap().history);
    let _ = layout.put_image(&stripped).unwrap();
    let found = Image::select(&layout, &stripped.descriptor(), &Platform::host()).unwrap();
    let files = found.files(&limits).unwrap();
    assert!(files.read(&path, 10).is_err());
    assert_eq!(files.read(&"etc/two".parse().unwrap(), 10).unwrap(), b"two");
    let same = rewrite(&image, &limits, &Memory::new(), Some).unwrap();
    assert_eq!(same, image.documents().unwrap());
}

#[test]
fn times_are_rewritten_in_every_layer() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let earlier = |mut change: Change| {
        if let Change::Upsert(entry) = &mut change {
            entry.metadata.mtime = Timestamp::EPOCH;
        }
        Some(change)
    };
    let rewritten = rewrite(&image, &Limits::default(), &layout, earlier).unwrap();
    assert!(
        rewritten
            .layers()
            .iter()
            .zip(image.documents().unwrap().layers())
            .all(|(after, before)| after.diff_id != before.diff_id
                && after.descriptor.media_type == before.descriptor.media_type)
    );
    let again = export(&layout, &rewritten);
    assert!(
        !again.windows(11).any(|bytes| bytes == b"07346545000"),
        "a time of the test's archives"
    );
}

/// An image of one layer.
fn image_of(layout: &Layout, tar: &[u8], platform: &Platform) -> build::Image {
    let blob = Descriptor::of(MediaType::LAYER_TAR, tar);
    layout.put(&blob, tar).unwrap();
    let image = Builder::new(platform).layer(Layer::new(blob, diff_id(tar))).build().unwrap();
    let _ = layout.put_image(&image).unwrap();
    image
}

#[test]
fn a_hard_link_does_not_lose_its_file() {
    let (_directory, layout) = store();
    let tar = Tar::new().file("a", "content").hardlink("b", "a").end();
    let image = image_of(&layout, &tar, &Platform::host());
    let image = Image::select(&layout, &image.descriptor(), &Platform::host()).unwrap();
    let without = |names: &'static [&str]| {
        move |change: Change| {
            let path = change.path().to_string();
            (!names.contains(&&*path)).then_some(change)
        }
    };
    let limits = Limits::default();
    let error = rewrite(&image, &limits, &layout, without(&["/a"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    rewrite(&image, &limits, &layout, without(&["/a", "/b"])).unwrap();
    rewrite(&image, &limits, &layout, without(&["/b"])).unwrap();
}

#[test]
fn a_layer_in_a_file_is_stored_as_it_is() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap().documents().unwrap();
    for layer in image.layers() {
        let blob = layout.read(&layer.descriptor, 1 << 20).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&blob).unwrap();
        file.rewind().unwrap();
        let sink = Memory::new();
        let stored = put_layer(file, &Limits::default(), &sink).unwrap();
        assert_eq!((stored.descriptor, stored.diff_id), (layer.descriptor.clone(), layer.diff_id));
        assert_eq!(sink.read(&layer.descriptor, 1 << 20).unwrap(), blob);
    }
    let file = File::open("Cargo.toml").unwrap();
    assert!(put_layer(file, &Limits::default(), &Memory::new()).is_err());
}

/// An index of two images, what is about one of them, one that is missing, and an artifact.
fn index(layout: &Layout) -> (Descriptor, Vec<Descriptor>) {
    let tar = Tar::new().file("a", "content").end();
    let [amd64, arm64] = ["linux/amd64", "linux/arm64"].map(|it| it.parse::<Platform>().unwrap());
    let first = image_of(layout, &tar, &amd64).descriptor();
    let second = image_of(layout, &tar, &arm64).descriptor();
    let mut about = image_of(layout, &tar, &"unknown/unknown".parse().unwrap()).descriptor();
    about.annotations.insert("vnd.docker.reference.digest".into(), first.digest.to_string());
    let mut missing = Descriptor::of(MediaType::IMAGE_MANIFEST, "missing");
    missing.platform = Some("linux/s390x".parse().unwrap());
    let entries = vec![first, second, about, missing];
    let index = AnyDocument::Index(assemble(entries.clone()).unwrap());
    (layout.put_document(&index).unwrap().tag("all").unwrap(), entries)
}

fn edited(layout: &Layout, root: &Descriptor, platform: Option<&str>) -> Vec<Descriptor> {
    let platform = platform.map(|it| it.parse::<Platform>().unwrap());
    let edited = layout.edit_images(layout, root, platform.as_ref(), &mut |image| {
        Ok(Builder::of(&image.documents()?).label("edited", "1").build()?)
    });
    let edited = edited.unwrap();
    layout.tag("edited", &edited).unwrap();
    layout.document::<Index>(&edited).unwrap().into_value().manifests
}

#[test]
fn all_images_of_an_index_are_edited_and_all_else_stays() {
    let (_directory, layout) = store();
    let (root, before) = index(&layout);
    let after = edited(&layout, &root, None);
    assert_eq!(after.len(), 3, "what is about an image that is gone goes with it");
    for (before, after) in before.iter().zip(&after).take(2) {
        assert_ne!(before.digest, after.digest);
        assert_eq!(before.platform, after.platform);
        read_whole(&layout, after);
    }
    assert_eq!(after[2], before[3]);
}

#[test]
fn with_a_platform_only_its_image_is_edited() {
    let (_directory, layout) = store();
    let (root, before) = index(&layout);
    let after = edited(&layout, &root, Some("linux/arm64"));
    assert_ne!(after[1].digest, before[1].digest);
    let others = [0, 2, 3].map(|number| (&before[number], &after[number]));
    assert!(others.iter().all(|(before, after)| before == after), "{after:?}");
    let platform = "linux/riscv64".parse().unwrap();
    let none = layout.edit_images(&layout, &root, Some(&platform), &mut |_| unreachable!());
    assert_eq!(none.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_list_of_docker_becomes_an_index_where_an_image_does() {
    let (_directory, layout) = store();
    let tar = Tar::new().file("a", "content").end();
    let entries = ["linux/amd64", "linux/arm64"].map(|platform| {
        let image = image_of(&layout, &tar, &platform.parse().unwrap()).to_docker().unwrap();
        let _ = layout.put_image(&image).unwrap();
        image.descriptor()
    });
    let mut list = Index::new();
    list.manifests = entries.to_vec();
    list.media_type = Some(MediaType::DOCKER_MANIFEST_LIST);
    let list = AnyDocument::Index(Document::new(list).unwrap());
    let list = layout.put_document(&list).unwrap().tag("list").unwrap();
    let arm64 = "linux/arm64".parse().unwrap();
    for (compression, media_types) in [
        (None, [MediaType::DOCKER_MANIFEST_LIST, MediaType::DOCKER_MANIFEST]),
        (Some(Compression::zstd()), [MediaType::IMAGE_INDEX, MediaType::IMAGE_MANIFEST]),
    ] {
        let edited = layout.edit_images(&layout, &list, Some(&arm64), &mut |image| {
            Ok(match &compression {
                None => Builder::of(&image.documents()?).label("edited", "1").build()?,
                Some(zstd) => flatten(image, zstd, &Limits::default(), &layout)?,
            })
        });
        let edited = edited.unwrap();
        let index = layout.document::<Index>(&edited).unwrap();
        assert_eq!(index.media_type.as_ref(), Some(&media_types[0]));
        assert_eq!([edited.media_type, index.manifests[1].media_type.clone()], media_types);
        assert_eq!(index.manifests[0], entries[0]);
    }
}

#[test]
fn an_image_of_docker_with_a_layer_in_zstd_is_rewritten() {
    let (_directory, layout) = store();
    let tar = Tar::new().file("a", "content").file("b", "content").end();
    let image = image_of(&layout, &tar, &Platform::host());
    let image = Image::select(&layout, &image.descriptor(), &Platform::host()).unwrap();
    let zstd = recompress(&image, &Compression::zstd(), &Limits::default(), &layout).unwrap();
    let docker = Builder::of(&zstd).edit_manifest(|manifest| {
        manifest.media_type = Some(MediaType::DOCKER_MANIFEST);
        manifest.layers[0].media_type = MediaType::DOCKER_LAYER_TAR_ZSTD;
    });
    let docker = docker.build().unwrap();
    let _ = layout.put_image(&docker).unwrap();
    let docker = Image::select(&layout, &docker.descriptor(), &Platform::host()).unwrap();
    let without = |change: Change| (change.path().to_string() != "/a").then_some(change);
    let rewritten = rewrite(&docker, &Limits::default(), &layout, without).unwrap();
    assert_eq!(rewritten.manifest().descriptor().media_type, MediaType::IMAGE_MANIFEST);
    assert_eq!(rewritten.manifest().layers[0].media_type, MediaType::LAYER_TAR_ZSTD);
}
