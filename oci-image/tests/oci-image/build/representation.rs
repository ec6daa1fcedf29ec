//! What speaks of bytes goes with them; what speaks of the content stays.

use oci_image::annotations::is_of_representation;
use oci_image::build::{Builder, Image, rebase};
use oci_image::{
    AnyDocument, Descriptor, Digest, Document, Index, MediaType, Platform, docker, json,
};

use super::{image, layer};

const OF_BYTES: [&str; 12] = [
    "containerd.io/snapshot/stargz/toc.digest",
    "io.containers.estargz.uncompressed-size",
    "io.github.containers.zstd-chunked.manifest-checksum",
    "io.github.containers.zstd-chunked.manifest-position",
    "io.github.containers.zstd-chunked.tarsplit-position",
    "io.containers.zstd-chunked.manifest-checksum",
    "containerd.io/uncompressed",
    "containerd.io/distribution.source.docker.io",
    "containerd.io/snapshot/nydus-blob",
    "com.amazon.soci.index-digest",
    "org.opencontainers.image.enc.keys.jwe",
    "org.opencontainers.image.enc.pubopts",
];

const OF_CONTENT: [&str; 4] = [
    "org.opencontainers.image.title",
    "org.opencontainers.image.ref.name",
    "buildkit/rewritten-timestamp",
    "org.example",
];

/// A descriptor that has every member, and one that is not known.
fn full(descriptor: Descriptor) -> Descriptor {
    let mut full = descriptor;
    full.urls = vec!["https://example.org/blob".into()];
    full.data = Some("b2xk".into());
    full.platform = Some("linux/amd64".parse().unwrap());
    full.artifact_type = Some("application/x-artifact".into());
    full.annotations
        .extend(OF_BYTES.iter().chain(&OF_CONTENT).map(|key| ((*key).into(), "1".into())));
    let text = String::from_utf8(json::to_vec(&full).unwrap()).unwrap();
    json::from_slice(text.replacen('{', r#"{"org.example.unknown":1,"#, 1).as_bytes()).unwrap()
}

/// What is left of a [`full`] descriptor that now names other bytes.
fn check(now: &Descriptor, bytes: &Descriptor) {
    let mut expected = full(bytes.clone());
    expected.urls.clear();
    expected.data = None;
    expected.annotations.retain(|key, _| !is_of_representation(key));
    assert_eq!(*now, expected);
    let keys: Vec<_> = now.annotations.keys().map(String::as_str).collect();
    assert!(OF_CONTENT.iter().all(|key| keys.contains(key)), "{keys:?}");
    assert_eq!(keys.len(), OF_CONTENT.len());
}

fn with_full_config(image: &Image) -> Image {
    let manifest = image.manifest().edit(|it| it.config = full(it.config.clone())).unwrap();
    Image::new(manifest, image.config().clone()).unwrap()
}

#[test]
fn a_descriptor_of_other_bytes_says_nothing_of_the_old_ones() {
    let old = full(Descriptor::of(MediaType::LAYER_TAR_GZIP, "old"));
    let new = Descriptor::of(MediaType::LAYER_TAR_ZSTD, "new");
    check(&old.with_bytes_of(&new), &new);
    let mut chunked = new.clone();
    chunked.annotations.insert(OF_BYTES[2].into(), "of the new".into());
    chunked.urls = vec!["https://example.org/new".into()];
    let both = old.with_bytes_of(&chunked);
    assert_eq!(both.annotations[OF_BYTES[2]], "of the new");
    assert_eq!(both.urls, chunked.urls);
    assert_eq!(both.annotations.len(), OF_CONTENT.len() + 1);
}

#[test]
fn an_edited_config_has_a_descriptor_of_its_own() {
    let base = with_full_config(&image(&["a"]));
    let edited = Builder::from(&base).label("a", "b").build().unwrap();
    check(&edited.manifest().config, edited.config().descriptor());
    let flat = base.flatten(layer("all")).unwrap();
    check(&flat.manifest().config, flat.config().descriptor());
    let moved = rebase(&base, &image(&["a"]), &image(&["x"])).unwrap();
    check(&moved.manifest().config, moved.config().descriptor());
    let blob = Descriptor::of(MediaType::LAYER_TAR, "plain");
    let same = base.with_blobs(|_| Some(blob.clone())).unwrap();
    assert_eq!(same.manifest().config, base.manifest().config);
}

#[test]
fn a_manifest_of_other_layers_says_nothing_of_the_old_ones() {
    let soci = "com.amazon.soci.index-digest";
    let base = image(&["a", "b"]);
    let manifest = base.manifest().edit(|manifest| {
        manifest.annotations.insert(soci.into(), "sha256:1".into());
        manifest.annotations.insert("org.example".into(), "kept".into());
    });
    let base = Image::new(manifest.unwrap(), base.config().clone()).unwrap();
    let blob = Descriptor::of(MediaType::LAYER_TAR, "plain");
    let edits = [
        base.flatten(layer("all")).unwrap(),
        base.with_blobs(|_| Some(blob.clone())).unwrap(),
        rebase(&base, &image(&["a"]), &image(&["x"])).unwrap(),
    ];
    for edited in edits {
        let keys: Vec<_> = edited.manifest().annotations.keys().collect();
        assert_eq!(keys, ["org.example"]);
    }
    assert_eq!(base.with_blobs(|_| None).unwrap(), base);
}

#[test]
fn the_entries_of_a_converted_index_say_nothing_of_the_old_manifests() {
    let (image, attestation) = (image(&["a"]), image(&["attestation"]));
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    index.manifests = vec![full(image.descriptor()), attestation.descriptor()];
    let subject = image.manifest().descriptor().digest.to_string();
    index.manifests[1].annotations.insert("vnd.docker.reference.digest".into(), subject);
    let index = Document::new(index).unwrap();
    let entries =
        [&image, &attestation].map(|image| docker::manifest_to_docker(image.manifest()).unwrap());
    let list = docker::index_to_docker(&index, &entries).unwrap().document;
    check(&list.manifests[0], entries[0].document.descriptor());
    let subject = &list.manifests[1].annotations["vnd.docker.reference.digest"];
    assert_eq!(*subject, entries[0].document.descriptor().digest.to_string());
    let back =
        [&entries[0], &entries[1]].map(|entry| docker::manifest_to_oci(&entry.document).unwrap());
    let back = docker::index_to_oci(&list, &back).unwrap().document;
    assert_eq!(back.manifests[1], index.manifests[1]);
}

#[test]
fn a_referrer_is_named_by_its_own_bytes() {
    let image = image(&["a"]);
    let manifest =
        image.manifest().edit(|manifest| manifest.subject = Some(Descriptor::empty_json()));
    let manifest = manifest.unwrap();
    let named = full(manifest.descriptor().clone());
    let manifest = Document::parse(manifest.bytes(), &named).unwrap();
    let entry = AnyDocument::Manifest(manifest).as_referrer();
    let mut expected = Descriptor::new(named.media_type, named.digest, named.size);
    expected.artifact_type = Some(MediaType::IMAGE_CONFIG);
    assert_eq!(entry, expected);
    assert_ne!(entry.digest, Digest::EMPTY_JSON);
    let platform: Platform = "linux/amd64".parse().unwrap();
    assert_eq!(image.descriptor().platform, Some(platform));
}
