//! Layers in another compression.

use oci_image::blob::{BlobSource, Memory};
use oci_image::images::{Image, Images};
use oci_image::layer::{Codec, CodecBy, Compression, Limits};
use oci_image::{AnyDocument, Descriptor, Document, MediaType, Platform, docker};
use oci_layout::{DockerArchiveWriter, ErrorKind, Layout, recompress};

use crate::damage::store;
use crate::fixture::read_whole;

#[test]
fn layers_are_recompressed_and_everything_else_stays() {
    let (_directory, layout) = store();
    let gzip = layout.image("v1").unwrap();
    let zstd = recompress(&gzip, &Compression::zstd(), &Limits::default(), &layout).unwrap();
    layout.put_image(&zstd).unwrap().tag("v1-zstd").unwrap();
    assert_eq!(zstd.config(), &gzip.config().unwrap());
    let types = zstd.manifest().layers.iter().map(|layer| Codec::of(&layer.media_type));
    assert_eq!(types.collect::<Vec<_>>(), [Some(Codec::Zstd); 2]);
    read_whole(&layout, &layout.resolve("v1-zstd").unwrap());

    let limits = Limits::default();
    let export = |name: &str| {
        let image = layout.image(name).unwrap();
        let files = image.files(&limits).unwrap();
        files.export(Vec::new(), &Compression::none()).unwrap().0
    };
    assert_eq!(export("v1"), export("v1-zstd"));

    // The way there and back is the same for the same compression.
    let back = layout.image("v1-zstd").unwrap();
    let back = recompress(&back, &Compression::gzip(), &Limits::default(), &layout).unwrap();
    layout.put_image(&back).unwrap().tag("back").unwrap();
    assert_eq!(export("back"), export("v1"));
    assert_eq!(layout.fsck().unwrap(), []);
}

#[test]
fn layers_that_are_so_already_are_stored_as_they_are() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let sink = Memory::new();
    let same = recompress(&image, &Compression::gzip(), &Limits::default(), &sink).unwrap();
    assert_eq!(same.manifest().bytes(), image.manifest().bytes());
    for layer in &same.manifest().layers {
        assert!(sink.open(layer).unwrap().is_some());
    }
}

#[test]
fn an_image_in_dockers_format_becomes_one_in_ocis() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let docker = docker::manifest_to_docker(image.manifest()).unwrap().document;
    let stored = layout.put_document(&oci_image::AnyDocument::Manifest(docker)).unwrap();
    let docker = stored.tag("docker").unwrap();
    let docker = Image::select(&layout, &docker, &oci_image::Platform::host()).unwrap();
    let zstd = recompress(&docker, &Compression::zstd(), &Limits::default(), &layout).unwrap();
    assert_eq!(zstd.manifest().descriptor().media_type, MediaType::IMAGE_MANIFEST);
    assert_eq!(zstd.manifest().layers[0].media_type, MediaType::LAYER_TAR_ZSTD);
}

#[test]
fn what_is_not_what_its_diff_id_says_is_refused_and_nothing_is_stored() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let config = image.config().unwrap();
    let swapped = config.edit(|config| config.rootfs.diff_ids.swap(0, 1)).unwrap();
    let manifest = image.manifest().edit(|manifest| {
        manifest.config.digest = swapped.descriptor().digest.clone();
    });
    let lying = oci_image::build::Image::new(Document::clone(&manifest.unwrap()), swapped).unwrap();
    layout.put_image(&lying).unwrap().tag("lying").unwrap();
    let sink = Memory::new();
    let error = recompress(
        &layout.image("lying").unwrap(),
        &Compression::zstd(),
        &Limits::default(),
        &sink,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(sink.digests(), []);
}

/// The image `v1` with its first layer named otherwise, as `other`.
fn renamed(layout: &Layout, change: impl FnOnce(&mut Descriptor)) -> Descriptor {
    let image = layout.image("v1").unwrap();
    let manifest = image.manifest().edit(|manifest| change(&mut manifest.layers[0])).unwrap();
    layout.put_document(&AnyDocument::Manifest(manifest)).unwrap().tag("other").unwrap()
}

#[test]
fn what_is_said_of_the_old_bytes_goes_and_what_is_said_of_the_content_stays() {
    let (_directory, layout) = store();
    renamed(&layout, |layer| {
        for key in [
            "containerd.io/snapshot/stargz/toc.digest",
            "io.containers.estargz.uncompressed-size",
            "io.github.containers.zstd-chunked.manifest-checksum",
            "io.github.containers.zstd-chunked.manifest-position",
            "containerd.io/uncompressed",
            "org.example.kept",
        ] {
            layer.annotations.insert(key.into(), "1".into());
        }
        layer.urls = vec!["https://example.org/layer".into()];
        layer.data = Some("b2xk".into());
        layer.artifact_type = Some("application/x-kept".into());
        layer.platform = Some(Platform::host());
    });
    let image = layout.image("other").unwrap();
    for compression in [Compression::zstd(), Compression::none()] {
        let sink = Memory::new();
        let anew = recompress(&image, &compression, &Limits::default(), &sink).unwrap();
        let layer = &anew.manifest().layers[0];
        let mut expected =
            Descriptor::new(compression.media_type(), layer.digest.clone(), layer.size);
        expected.annotations.insert("org.example.kept".into(), "1".into());
        expected.artifact_type = Some("application/x-kept".into());
        expected.platform = Some(Platform::host());
        assert_eq!(*layer, expected);
        assert!(sink.open(layer).unwrap().is_some());

        let mut archive = DockerArchiveWriter::new(Vec::new()).unwrap();
        archive.append(&image, &[]).unwrap();
    }
    let same =
        recompress(&image, &Compression::gzip(), &Limits::default(), &Memory::new()).unwrap();
    assert_eq!(same.manifest().bytes(), image.manifest().bytes());
}

#[test]
fn what_must_not_be_distributed_or_is_elsewhere_stays_as_it_is() {
    let (_directory, layout) = store();
    let foreign = MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP;
    let urls = vec!["https://example.org/layer".to_owned()];
    renamed(&layout, |layer| {
        layer.media_type = foreign.clone();
        layer.urls = urls.clone();
    });
    let image = layout.image("other").unwrap();
    let anew =
        recompress(&image, &Compression::zstd(), &Limits::default(), &Memory::new()).unwrap();
    assert_eq!(anew.manifest().layers[0], image.manifest().layers[0]);
    assert_eq!(anew.manifest().layers[1].media_type, MediaType::LAYER_TAR_ZSTD);

    renamed(&layout, |layer| layer.urls = urls);
    let image = layout.image("other").unwrap();
    let layer = image.manifest().layers[0].clone();
    std::fs::remove_file(layout.path().join(layer.digest.blob_path())).unwrap();
    let anew =
        recompress(&image, &Compression::zstd(), &Limits::default(), &Memory::new()).unwrap();
    assert_eq!(anew.manifest().layers[0], layer);
    let missing = layout.image("v1").unwrap();
    let error =
        recompress(&missing, &Compression::zstd(), &Limits::default(), &Memory::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_layer_under_a_wrong_media_type_is_put_right_where_the_content_decides() {
    let (_directory, layout) = store();
    let mut by_content = Limits::default();
    by_content.codec = CodecBy::Content;
    let export = |name: &str, limits: &Limits| {
        let image = layout.image(name).unwrap();
        let files = image.files(limits).map_err(drop)?;
        files.export(Vec::new(), &Compression::none()).map(|(tar, ..)| tar).map_err(drop)
    };
    let right = export("v1", &Limits::default()).unwrap();
    // The content is compressed by gzip.
    for wrong in [MediaType::LAYER_TAR, MediaType::LAYER_TAR_ZSTD, MediaType::DOCKER_LAYER_TAR] {
        renamed(&layout, |layer| layer.media_type = wrong.clone());
        let image = layout.image("other").unwrap();
        assert!(export("other", &Limits::default()).is_err());
        assert_eq!(export("other", &by_content).unwrap(), right);
        for compression in [Compression::gzip(), Compression::zstd(), Compression::none()] {
            let strict = recompress(&image, &compression, &Limits::default(), &Memory::new());
            // What has the right type already is not looked into.
            let is_taken = Codec::of(&wrong) == Some(compression.codec());
            assert_eq!(strict.is_ok(), is_taken, "{wrong} {compression:?}");
            let anew = recompress(&image, &compression, &by_content, &layout).unwrap();
            assert_eq!(anew.manifest().layers[0].media_type, compression.media_type());
            layout.put_image(&anew).unwrap().tag("anew").unwrap();
            assert_eq!(export("anew", &Limits::default()).unwrap(), right);
        }
    }
}
