use oci_image::docker::{self, ConversionError};
use oci_image::{Descriptor, Document, Index, Manifest, MediaType, Platform};

fn image(config: MediaType, layers: &[MediaType]) -> Document<Manifest> {
    let mut manifest = Manifest::new(Descriptor::of(config, "config"));
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    for (number, layer) in layers.iter().enumerate() {
        manifest.layers.push(Descriptor::of(layer.clone(), number.to_string()));
    }
    manifest.annotations.insert("org.example".into(), "kept".into());
    Document::new(manifest).unwrap()
}

// covers: IMG-MT-06
#[test]
fn there_and_back_gives_the_same_document() {
    let oci = image(
        MediaType::IMAGE_CONFIG,
        &[
            MediaType::LAYER_TAR,
            MediaType::LAYER_TAR_GZIP,
            MediaType::LAYER_NONDISTRIBUTABLE_TAR,
            MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP,
        ],
    );
    let docker = docker::manifest_to_docker(&oci).unwrap();
    assert_eq!(docker.replaces, *oci.descriptor());
    assert_eq!(docker.document.config.media_type, MediaType::DOCKER_CONFIG);
    assert_eq!(docker.document.config.digest, oci.config.digest);
    let types: Vec<_> = docker.document.layers.iter().map(|l| l.media_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ]
    );
    let back = docker::manifest_to_oci(&docker.document).unwrap();
    assert_eq!(back.replaces, *docker.document.descriptor());
    assert_eq!(back.document, oci);
}

#[test]
fn what_is_not_an_image_does_not_convert() {
    for (config, layer) in [
        (MediaType::EMPTY_JSON, MediaType::LAYER_TAR),
        (MediaType::IMAGE_CONFIG, "application/spdx+json".into()),
        (MediaType::IMAGE_CONFIG, MediaType::LAYER_TAR_GZIP_ENCRYPTED),
        (MediaType::IMAGE_CONFIG, MediaType::LAYER_TAR_ZSTD),
        (MediaType::IMAGE_CONFIG, MediaType::LAYER_NONDISTRIBUTABLE_TAR_ZSTD),
    ] {
        let error = docker::manifest_to_docker(&image(config, &[layer])).unwrap_err();
        assert!(matches!(error, ConversionError::NoName { .. }), "{error}");
    }
}

#[test]
fn the_type_that_some_write_for_zstd_in_dockers_format_is_read_and_not_made() {
    let docker = image(MediaType::DOCKER_CONFIG, &[MediaType::DOCKER_LAYER_TAR_ZSTD]);
    let oci = docker::manifest_to_oci(&docker).unwrap().document;
    assert_eq!(oci.layers[0].media_type, MediaType::LAYER_TAR_ZSTD);
    let same = docker::manifest_to_docker(&docker).unwrap().document;
    assert_eq!(same.layers[0].media_type, MediaType::DOCKER_LAYER_TAR_ZSTD);
}

#[test]
fn an_index_takes_over_the_new_names_of_its_entries() {
    let manifest = image(MediaType::IMAGE_CONFIG, &[MediaType::LAYER_TAR_GZIP]);
    let mut entry = manifest.descriptor().clone();
    entry.platform = Some(Platform::new("amd64".into(), "linux".into()));
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    index.manifests.push(entry);
    let index = Document::new(index).unwrap();

    let refused = docker::index_to_docker(&index, &[]).unwrap_err();
    let digest = manifest.descriptor().digest.clone();
    assert_eq!(refused, ConversionError::NotConverted { digest });

    let converted = docker::manifest_to_docker(&manifest).unwrap();
    let list = docker::index_to_docker(&index, std::slice::from_ref(&converted)).unwrap();
    assert_eq!(list.document.descriptor().media_type, MediaType::DOCKER_MANIFEST_LIST);
    assert_eq!(list.document.manifests[0].digest, converted.document.descriptor().digest);
    assert!(list.document.manifests[0].platform.is_some());

    let back = docker::manifest_to_oci(&converted.document).unwrap();
    assert_eq!(docker::index_to_oci(&list.document, &[back]).unwrap().document, index);
}
