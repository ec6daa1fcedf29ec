//! One format a manifest, OCI's or Docker's, whatever is joined.

use oci_image::build::{BuildError, Builder, Image, Layer, rebase};
use oci_image::docker::{ConversionError, Format};
use oci_image::{Descriptor, Digest, Finding, Level, Lint, MediaType};

use super::{amd64, image, layer};

const TYPES: [MediaType; 10] = [
    MediaType::LAYER_TAR,
    MediaType::LAYER_TAR_GZIP,
    MediaType::LAYER_NONDISTRIBUTABLE_TAR,
    MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP,
    MediaType::LAYER_TAR_ZSTD,
    MediaType::DOCKER_LAYER_TAR,
    MediaType::DOCKER_LAYER_TAR_GZIP,
    MediaType::DOCKER_LAYER_TAR_ZSTD,
    MediaType::DOCKER_FOREIGN_LAYER_TAR,
    MediaType::DOCKER_FOREIGN_LAYER_TAR_GZIP,
];

fn typed(media_type: &MediaType) -> Layer {
    let blob = Descriptor::of(media_type.clone(), format!("blob of {media_type}"));
    Layer::new(blob, Digest::sha256(media_type.as_str()))
}

/// Checks that all types of the manifest are of one format, and that lint has nothing against it.
fn check(image: &Image, format: Format) {
    let manifest = image.manifest();
    let own = &manifest.descriptor().media_type;
    let layers = manifest.layers.iter().map(|layer| &layer.media_type);
    for media_type in layers.chain([own, &manifest.config.media_type]) {
        assert_eq!(Format::of(media_type), Some(format), "{manifest:?}");
    }
    assert_eq!(manifest.media_type.as_ref(), Some(own));
    let is_wrong = |it: &Finding| it.level == Level::Error || it.id == "IMG-MT-06";
    let errors = manifest.lint().into_iter().filter(is_wrong);
    assert_eq!(errors.collect::<Vec<_>>(), []);
    assert_eq!(manifest.lint_with(image.config()), []);
}

// covers: IMG-MT-06
#[test]
fn a_builder_gives_ocis_format_whatever_it_joins() {
    let bases = [image(&["a"]), image(&["a"]).to_docker().unwrap()];
    for media_type in &TYPES {
        for base in &bases {
            let built = Builder::from(base).layer(typed(media_type)).build().unwrap();
            check(&built, Format::Oci);
            assert_eq!(built.manifest().layers[1].digest, typed(media_type).descriptor.digest);
            check(&Builder::from(&built).label("a", "b").build().unwrap(), Format::Oci);
        }
        check(&Builder::new(&amd64()).layer(typed(media_type)).build().unwrap(), Format::Oci);
    }
}

#[test]
fn a_manifest_that_was_made_dockers_by_hand_is_so_in_all_parts() {
    let docker = Builder::new(&amd64())
        .layer(layer("a"))
        .edit_manifest(|manifest| manifest.media_type = Some(MediaType::DOCKER_MANIFEST));
    check(&docker.clone().build().unwrap(), Format::Docker);
    let error = docker.layer(typed(&MediaType::LAYER_TAR_ZSTD)).build().unwrap_err();
    assert!(matches!(error, BuildError::Format(ConversionError::NoName { .. })), "{error:?}");
}

#[test]
fn an_edited_image_stays_in_its_format() {
    let oci = image(&["a", "b"]);
    let docker = oci.to_docker().unwrap();
    for media_type in &TYPES {
        let replaced = |image: &Image| {
            image.with_blobs(|layer| {
                (layer.diff_id == Digest::sha256("b")).then(|| typed(media_type).descriptor)
            })
        };
        check(&oci.flatten(typed(media_type)).unwrap(), Format::Oci);
        check(&replaced(&oci).unwrap(), Format::Oci);
        let edits = [docker.flatten(typed(media_type)), replaced(&docker)];
        for edited in edits {
            match edited {
                Ok(edited) => check(&edited, Format::Docker),
                Err(error) => {
                    assert_eq!(*media_type, MediaType::LAYER_TAR_ZSTD, "{error:?}");
                    assert!(matches!(error, BuildError::Format(ConversionError::NoName { .. })));
                }
            }
        }
    }
}

#[test]
fn an_edit_converts_where_dockers_format_has_no_name() {
    let oci = image(&["a"]);
    let docker = oci.to_docker().unwrap();
    let flat = |layer: Layer| {
        let edit = move |image: &Image| image.flatten(layer.clone());
        docker.edit_or_convert(edit).unwrap()
    };
    check(&flat(typed(&MediaType::LAYER_TAR_GZIP)), Format::Docker);
    let zstd = typed(&MediaType::LAYER_TAR_ZSTD);
    assert_eq!(flat(zstd.clone()), oci.flatten(zstd).unwrap());
    let error = docker.edit_or_convert(|image| image.squash(4..5, layer("b"))).unwrap_err();
    assert!(matches!(error, BuildError::NoSuchLayers { .. }), "{error:?}");
}

#[test]
fn a_rebased_image_stays_in_its_format_whatever_the_bases_have() {
    let old = image(&["os 1"]);
    let app = Builder::from(&old).layer(layer("app")).build().unwrap();
    let new = image(&["os 2", "fixes"]);
    let both = |image: &Image| [image.to_oci().unwrap(), image.to_docker().unwrap()];
    for app in both(&app) {
        for old in both(&old) {
            for new in both(&new) {
                let format = Format::of(&app.manifest().descriptor().media_type).unwrap();
                check(&rebase(&app, &old, &new).unwrap(), format);
            }
        }
    }
    let zstd = Builder::new(&amd64()).layer(typed(&MediaType::LAYER_TAR_ZSTD)).build().unwrap();
    check(&rebase(&app, &old, &zstd).unwrap(), Format::Oci);
    let error = rebase(&app.to_docker().unwrap(), &old, &zstd).unwrap_err();
    assert!(matches!(error, BuildError::Format(ConversionError::NoName { .. })), "{error:?}");
}

#[test]
fn a_mixed_image_comes_out_in_one_format() {
    let mixed = |own: MediaType| {
        let image = image(&["a", "b"]);
        let manifest = image.manifest().edit(|manifest| {
            manifest.media_type = Some(own);
            manifest.config.media_type = MediaType::DOCKER_CONFIG;
            manifest.layers[0].media_type = MediaType::DOCKER_LAYER_TAR_GZIP;
        });
        Image::new(manifest.unwrap(), image.config().clone()).unwrap()
    };
    let (oci, docker) = (mixed(MediaType::IMAGE_MANIFEST), mixed(MediaType::DOCKER_MANIFEST));
    for mixed in [&oci, &docker] {
        assert!(mixed.manifest().lint().iter().any(|finding| finding.id == "IMG-MT-06"));
        check(&mixed.to_oci().unwrap(), Format::Oci);
        check(&mixed.to_docker().unwrap(), Format::Docker);
        check(&Builder::from(mixed).build().unwrap(), Format::Oci);
    }
    check(&oci.flatten(layer("all")).unwrap(), Format::Oci);
    check(&docker.with_blobs(|_| None).unwrap(), Format::Docker);
}

#[test]
fn an_image_in_the_format_that_is_asked_for_keeps_its_bytes() {
    let image = image(&["a"]);
    let odd = format!(" {}\n", str::from_utf8(image.manifest().bytes()).unwrap());
    let manifest = oci_image::Document::from_own_bytes(odd.as_bytes(), MediaType::IMAGE_MANIFEST);
    let odd = Image::new(manifest.unwrap(), image.config().clone()).unwrap();
    assert_eq!(odd.to_oci().unwrap(), odd);
    assert_eq!(odd.with_blobs(|_| None).unwrap(), odd);
    let docker = image.to_docker().unwrap();
    assert_eq!(docker.to_docker().unwrap(), docker);
    assert_eq!(docker.to_oci().unwrap(), image);
}

#[test]
fn types_that_both_formats_share_stay() {
    let custom: MediaType = "application/vnd.example.layer".into();
    let built = Builder::new(&amd64()).layer(typed(&custom)).build().unwrap();
    assert_eq!(built.manifest().layers[0].media_type, custom);
    assert_eq!(built.to_oci().unwrap(), built);
    assert!(built.to_docker().is_err());
}
