//! Images and other content: what is taken, and what is not read.

use oci_image::build::{Builder, Layer};
use oci_image::layer::{Compression, Limits, Reader, Writer};
use oci_image::{
    AnyDocument, Config, Descriptor, Digest, Document, DocumentError, Index, Lint, Manifest,
    MediaType, json,
};

fn artifact(config: Descriptor) -> Document<Manifest> {
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.artifact_type = Some("application/vnd.example.chart+json".into());
    manifest.layers.push(Descriptor::of("application/vnd.example.any".into(), b"\0\xff"));
    Document::new(manifest).unwrap()
}

// covers: IMG-MAN-06, IMG-MAN-09, IMG-MAN-19, IMG-DESC-01
#[test]
fn manifests_of_any_artifact_and_config_type_are_documents() {
    let own = Descriptor::of("application/vnd.example.config".into(), b"no JSON");
    for config in [own, Descriptor::empty_json()] {
        let written = artifact(config.clone());
        let read = AnyDocument::parse(written.bytes(), written.descriptor()).unwrap();
        assert_eq!(read, AnyDocument::from(written.clone()));
        assert_eq!(read.children(), [&config, &written.layers[0]]);
        assert_eq!(written.lint(), []);
    }
}

// covers: IMG-MAN-08
#[test]
fn a_config_of_unknown_type_is_not_read() {
    let bytes =
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let unknown = Descriptor::of("application/vnd.example.config+json".into(), bytes);
    let error = Document::<Config>::parse(bytes.as_slice(), &unknown).unwrap_err();
    assert!(matches!(error, DocumentError::WrongKind { .. }), "{error}");
}

// covers: IMG-MAN-10
#[test]
fn a_config_of_an_image_is_read() {
    let bytes =
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    for media_type in [MediaType::IMAGE_CONFIG, MediaType::DOCKER_CONFIG] {
        let config = Descriptor::of(media_type, bytes);
        let config = Document::<Config>::parse(bytes.as_slice(), &config).unwrap();
        assert_eq!(config.platform().to_string(), "linux/amd64");
    }
}

fn is_read(blob: &[u8], media_type: &MediaType, diff_id: &Digest) {
    let mut reader = Reader::new(blob, media_type, Limits::default()).unwrap();
    assert_eq!(reader.next_change().unwrap(), None, "{media_type}");
    assert_eq!(reader.finish().unwrap(), *diff_id, "{media_type}");
}

// covers: IMG-MAN-14
#[test]
fn plain_and_gzip_layers_are_read_distributable_or_not() {
    for (compression, media_types) in [
        (Compression::none(), [MediaType::LAYER_TAR, MediaType::LAYER_NONDISTRIBUTABLE_TAR]),
        (
            Compression::gzip(),
            [MediaType::LAYER_TAR_GZIP, MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP],
        ),
    ] {
        let writer = Writer::new(Vec::new(), &compression).unwrap();
        let (blob, descriptor, diff_id) = writer.finish().unwrap();
        assert_eq!(descriptor.media_type, media_types[0]);
        media_types.iter().for_each(|media_type| is_read(&blob, media_type, &diff_id));
    }
}

// covers: IMG-MAN-15
#[cfg(feature = "zstd")]
#[test]
fn zstd_layers_are_read_distributable_or_not() {
    let writer = Writer::new(Vec::new(), &Compression::zstd()).unwrap();
    let (blob, descriptor, diff_id) = writer.finish().unwrap();
    assert_eq!(descriptor.media_type, MediaType::LAYER_TAR_ZSTD);
    is_read(&blob, &MediaType::LAYER_TAR_ZSTD, &diff_id);
    is_read(&blob, &MediaType::LAYER_NONDISTRIBUTABLE_TAR_ZSTD, &diff_id);
}

// covers: IMG-IDX-01, IMG-IDX-06
#[test]
fn an_index_stands_where_a_manifest_may_and_nests() {
    let manifest = artifact(Descriptor::empty_json());
    let mut inner = Index::new();
    inner.manifests.push(manifest.descriptor().clone());
    let inner = Document::new(inner).unwrap();
    let mut outer = Index::new();
    outer.manifests.extend([inner.descriptor().clone(), manifest.descriptor().clone()]);
    let outer = Document::new(outer).unwrap();

    let read = AnyDocument::parse(outer.bytes(), outer.descriptor()).unwrap();
    let kinds: Vec<_> = read.children().iter().map(|child| child.media_type.clone()).collect();
    assert_eq!(kinds, [MediaType::IMAGE_INDEX, MediaType::IMAGE_MANIFEST]);
    let nested = AnyDocument::parse(inner.bytes(), read.children()[0]).unwrap();
    assert_eq!(nested.children(), [manifest.descriptor()]);
}

// covers: IMG-DESC-12, IMG-DESC-18
#[test]
fn content_may_be_embedded_and_is_bounded_by_the_document() {
    let mut layer = Descriptor::of("text/plain".into(), b"hi");
    layer.data = Some("aGk=".into());
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.layers.push(layer);
    let written = Document::new(manifest.clone()).unwrap();
    let read = Document::<Manifest>::parse(written.bytes(), written.descriptor()).unwrap();
    assert_eq!(read.layers[0].embedded().unwrap().unwrap(), b"hi");

    manifest.layers[0].data = Some("A".repeat(json::DOCUMENT_LIMIT));
    assert!(Document::new(manifest).is_err());
}

// covers: IMG-DESC-16
#[test]
fn the_descriptor_of_a_built_image_says_its_platform() {
    let tar = [0; 1024];
    let layer = Layer::new(Descriptor::of(MediaType::LAYER_TAR, tar), Digest::sha256(tar));
    let platform = "linux/arm64/v8".parse().unwrap();
    let image = Builder::new(&platform).layer(layer).build().unwrap();
    assert_eq!(image.descriptor().platform, Some(platform));
}

// covers: IMG-MT-01, IMG-MT-02, IMG-MT-03, IMG-MT-04
#[test]
fn the_expected_type_counts_where_the_digest_is_right() {
    let manifest = artifact(Descriptor::empty_json());
    // Nothing is expected: what the response says is what the bytes are read as.
    let returned = MediaType::IMAGE_MANIFEST;
    let read = Document::<Manifest>::from_own_bytes(manifest.bytes(), returned).unwrap();
    assert_eq!(read.descriptor(), manifest.descriptor());
    // A type and a digest are expected: they alone are asked, and another digest is an error.
    assert!(Document::<Manifest>::parse(manifest.bytes(), manifest.descriptor()).is_ok());
    let mut other = manifest.descriptor().clone();
    other.digest = Digest::EMPTY_JSON;
    let error = Document::<Manifest>::parse(manifest.bytes(), &other).unwrap_err();
    assert!(matches!(error, DocumentError::Content(_)));
}

// covers: IMG-GEN-06, IMG-GEN-07, IMG-DIG-05
#[test]
fn order_and_white_space_mean_nothing_and_what_is_written_is_one_text() {
    let digest = Digest::EMPTY_JSON;
    let one = format!(r#"{{"size":2,"mediaType":"a/b","z":1,"digest":"{digest}","a":2}}"#);
    let two = format!(
        "\r\n{{ \"a\" : 2 ,\t\"digest\" : \"{digest}\",\n\"mediaType\":\"a/b\", \"z\":1,\"size\":2}} "
    );
    let [one, two] =
        [one, two].map(|text| json::from_slice::<Descriptor>(text.as_bytes()).unwrap());
    assert_eq!(one, two);
    let written = json::to_vec(&one).unwrap();
    assert_eq!(Digest::sha256(&written), Digest::sha256(json::to_vec(&two).unwrap()));
    let text = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":2,"a":2,"z":1}}"#);
    assert_eq!(String::from_utf8(written).unwrap(), text);
}

// covers: IMG-ANN-05
#[test]
fn no_annotations_are_an_absent_or_an_empty_map() {
    assert!(!String::from_utf8(json::to_vec(&Index::new()).unwrap()).unwrap().contains("annot"));
    let text = br#"{"schemaVersion":2,"manifests":[],"annotations":{}}"#;
    let index: Index = json::from_slice(text).unwrap();
    assert_eq!(json::to_vec(&index).unwrap(), text);
}
