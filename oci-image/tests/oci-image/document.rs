use oci_image::json::Value;
use oci_image::{
    AnyDocument, Config, Descriptor, Document, DocumentError, Index, LayoutFile, Manifest,
    MediaType, Model, ModelError,
};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn manifest(extra: &str) -> Vec<u8> {
    format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{DIGEST}","size":2}},"layers":[]{extra}}}"#
    )
    .into_bytes()
}

fn parse(bytes: &[u8]) -> Result<Document<Manifest>, DocumentError> {
    Document::parse(bytes, &Descriptor::of(MediaType::IMAGE_MANIFEST, bytes))
}

// covers: IMG-GEN-02
#[test]
fn a_document_keeps_the_bytes_that_it_was_given() {
    let bytes = b" { \"schemaVersion\" : 2 , \"manifests\" : [ ] }\n";
    let descriptor = Descriptor::of(MediaType::IMAGE_INDEX, bytes);
    let index = Document::<Index>::parse(bytes.as_slice(), &descriptor).unwrap();
    assert_eq!((index.bytes(), index.descriptor()), (bytes.as_slice(), &descriptor));
    assert_eq!(index.value(), &Index::new());
}

// covers: IMG-DESC-05, IMG-DESC-07
#[test]
fn other_bytes_than_those_named_are_refused_before_they_are_read() {
    let bytes = manifest("");
    for (size, content) in [(0, manifest("")), (1, manifest("")), (0, b"{".to_vec())] {
        let mut descriptor = Descriptor::of(MediaType::IMAGE_MANIFEST, &content);
        descriptor.size += size;
        if size == 0 {
            descriptor.size = 1;
        }
        let error = Document::<Manifest>::parse(bytes.as_slice(), &descriptor).unwrap_err();
        assert!(matches!(error, DocumentError::Content(_)), "{error:?}");
    }
    let mut descriptor = Descriptor::of(MediaType::IMAGE_MANIFEST, &bytes);
    descriptor.digest = "md5:d41d8cd98f00b204e9800998ecf8427e".parse().unwrap();
    assert!(Document::<Manifest>::parse(bytes, &descriptor).is_err());
}

#[test]
fn an_index_is_not_read_as_a_manifest_nor_the_other_way_round() {
    let bytes = manifest("");
    let named_index = Descriptor::of(MediaType::IMAGE_INDEX, &bytes);
    let error = Document::<Manifest>::parse(bytes.as_slice(), &named_index).unwrap_err();
    assert!(matches!(error, DocumentError::WrongKind { .. }));
    assert!(AnyDocument::parse(bytes.as_slice(), &named_index).is_err());
    let index: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;
    let named_manifest = Descriptor::of(MediaType::IMAGE_MANIFEST, index);
    assert!(AnyDocument::parse(index, &named_manifest).is_err());
}

#[test]
fn a_document_that_contradicts_its_descriptor_is_refused() {
    let own = |media_type: &MediaType| manifest(&format!(r#","mediaType":"{media_type}""#));
    assert!(parse(&own(&MediaType::IMAGE_MANIFEST)).is_ok());
    for other in [MediaType::IMAGE_INDEX, MediaType::DOCKER_MANIFEST, "a/b".into()] {
        let error = parse(&own(&other)).unwrap_err();
        assert!(matches!(&error, DocumentError::MediaType { actual, .. } if *actual == other));
    }
}

#[test]
fn a_document_of_another_kind_is_named_before_the_members_that_it_lacks() {
    let reason = |text: &str| {
        let descriptor = Descriptor::of(MediaType::IMAGE_MANIFEST, text);
        Document::<Manifest>::parse(text.as_bytes(), &descriptor).unwrap_err()
    };
    let index = MediaType::IMAGE_INDEX;
    let error = reason(&format!(r#"{{"mediaType":"{index}","manifests":[]}}"#));
    assert!(matches!(error, DocumentError::MediaType { actual, .. } if actual == index));
    let error = reason(r#"{"schemaVersion":2,"manifests":[]}"#);
    assert!(matches!(error, DocumentError::BothKinds { member: "manifests", .. }));
    let error = reason(r#"{"schemaVersion":2,"layers":[]}"#);
    assert!(matches!(error, DocumentError::Unreadable { .. }));
}

#[test]
fn a_document_of_two_kinds_is_refused_however_its_members_are_spelled() {
    for member in ["manifests", "Manifests", "manifest\u{17f}", "fsLayers", "history", "FSLAYERS"] {
        let error = parse(&manifest(&format!(r#","{member}":[]"#))).unwrap_err();
        assert!(matches!(error, DocumentError::BothKinds { .. }), "{member}");
    }
    for member in ["layers", "Layers", "config", "\u{212a}", "history"] {
        let text = format!(r#"{{"schemaVersion":2,"manifests":[],"{member}":[]}}"#);
        let descriptor = Descriptor::of(MediaType::IMAGE_INDEX, &text);
        let result = Document::<Index>::parse(text.into_bytes(), &descriptor);
        assert_eq!(result.is_err(), member != "\u{212a}", "{member}");
    }
}

/// Such as `index.json`, whose type no descriptor tells.
#[test]
fn a_document_that_no_descriptor_names_may_not_say_that_it_is_of_another_kind() {
    let read = |media_type: MediaType| {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[]}}"#);
        Index::read(text.as_bytes(), 1000).map(drop)
    };
    assert_eq!(read(MediaType::IMAGE_INDEX), Ok(()));
    for other in [MediaType::IMAGE_MANIFEST, MediaType::from("a/b")] {
        assert_eq!(read(other.clone()), Err(ModelError::MediaType(other)));
    }
}

#[test]
fn a_document_over_the_limit_is_refused() {
    let bytes = manifest("");
    let descriptor = Descriptor::of(MediaType::IMAGE_MANIFEST, &bytes);
    let limit = bytes.len();
    assert!(Document::<Manifest>::parse_with_limit(bytes.as_slice(), &descriptor, limit).is_ok());
    assert!(Document::<Manifest>::parse_with_limit(bytes, &descriptor, limit - 1).is_err());
}

#[test]
fn a_document_of_the_callers_own_is_named_by_its_bytes_and_read_as_strictly() {
    let own =
        |bytes: Vec<u8>| Document::<Manifest>::from_own_bytes(bytes, MediaType::IMAGE_MANIFEST);
    let bytes = manifest("");
    let document = own(bytes.clone()).unwrap();
    assert_eq!(document.descriptor(), &Descriptor::of(MediaType::IMAGE_MANIFEST, &bytes));
    assert_eq!(document.bytes(), bytes);
    for extra in [r#","layers":[]"#, r#","manifests":[]"#, r#","mediaType":"a/b""#, "}"] {
        assert_eq!(own(manifest(extra)), parse(&manifest(extra)));
        assert!(own(manifest(extra)).is_err(), "{extra}");
    }
}

// covers: IMG-GEN-02, IMG-GEN-03
#[test]
fn an_edit_keeps_what_it_does_not_know_and_leaves_the_first_alone() {
    let before = parse(&manifest(r#","org.new":{"a":1.50},"annotations":null"#)).unwrap();
    let after = before.edit(|manifest| manifest.artifact_type = Some("a/c".into())).unwrap();
    assert_eq!(before.artifact_type, None);
    assert_eq!(after.descriptor(), &Descriptor::of(MediaType::IMAGE_MANIFEST, after.bytes()));
    let text = String::from_utf8(after.bytes().to_vec()).unwrap();
    assert!(text.contains(r#""annotations":null,"org.new":{"a":1.50}"#), "{text}");
}

#[test]
fn an_edit_may_not_make_what_would_not_be_read() {
    let before = parse(&manifest("")).unwrap();
    let huge = "x".repeat(oci_image::json::DOCUMENT_LIMIT);
    assert!(before.edit(|manifest| _ = manifest.annotations.insert("a".into(), huge)).is_err());
    let both = before.edit(|manifest| {
        manifest.unknown.insert("manifests", Value::Array(Vec::new()));
    });
    assert!(matches!(both, Err(DocumentError::BothKinds { member: "manifests", .. })));
    let other = before.edit(|manifest| manifest.media_type = Some(MediaType::IMAGE_INDEX));
    assert!(matches!(other, Err(DocumentError::WrongKind { .. })));
}

// covers: IMG-GEN-04
#[test]
fn equal_values_give_equal_bytes() {
    let mut one = Index::new();
    let mut two = Index::new();
    let names = ["z", "a", "m"];
    names.iter().for_each(|name| _ = one.annotations.insert((*name).into(), String::new()));
    names.iter().rev().for_each(|name| _ = two.annotations.insert((*name).into(), String::new()));
    assert_eq!(Document::new(one).unwrap(), Document::new(two).unwrap());
}

#[test]
fn a_new_document_is_one_that_parses() {
    let layout = Document::new(LayoutFile::new()).unwrap();
    assert_eq!(layout.bytes(), br#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(layout.descriptor().media_type, MediaType::LAYOUT_HEADER);
    let mut index = Index::new();
    index.media_type = Some(MediaType::DOCKER_MANIFEST_LIST);
    let index = Document::new(index).unwrap();
    assert_eq!(index.descriptor().media_type, MediaType::DOCKER_MANIFEST_LIST);
}

#[test]
fn children_and_subject_are_named() {
    let bytes =
        manifest(&format!(r#","subject":{{"mediaType":"a/s","digest":"{DIGEST}","size":2}}"#));
    let document =
        AnyDocument::parse(bytes.as_slice(), &Descriptor::of(MediaType::IMAGE_MANIFEST, &bytes))
            .unwrap();
    assert_eq!(document.children().len(), 1);
    assert_eq!(document.subject().unwrap().media_type, "a/s");
    assert_eq!(document.bytes(), bytes);
}

// covers: IMG-DESC-14
#[test]
fn embedded_data_that_is_not_the_content_is_refused_with_its_descriptor() {
    let mut descriptor = Descriptor::empty_json();
    assert_eq!(descriptor.embedded(), Ok(None));
    descriptor.data = Some("e30=".into());
    assert_eq!(descriptor.embedded(), Ok(Some(b"{}".to_vec())));
    for bad in ["e30", "e31=", "e30K", "ey0=", "", "e30=\n", "e3-_"] {
        descriptor.data = Some(bad.into());
        assert!(descriptor.embedded().is_err(), "{bad}");
    }
}

#[test]
fn a_config_is_read_under_both_of_its_types() {
    let text = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    for media_type in [MediaType::IMAGE_CONFIG, MediaType::DOCKER_CONFIG] {
        let config: Document<Config> =
            Document::from_own_bytes(text.as_bytes(), media_type).unwrap();
        assert_eq!(config.rootfs.r#type, "layers");
    }
}

#[test]
fn a_referrer_is_listed_by_its_artifact_type_or_that_of_its_config() {
    for (extra, artifact_type) in
        [("", "a/b"), (r#","artifactType":"""#, "a/b"), (r#","artifactType":"x/y""#, "x/y")]
    {
        let bytes = manifest(&format!(r#"{extra},"annotations":{{"k":"v"}}"#));
        let mut listed = Descriptor::of(MediaType::IMAGE_MANIFEST, &bytes);
        let mut named = listed.clone();
        named.urls.push("https://example.org".into());
        named.annotations.insert("of the entry".into(), "no".into());
        listed.artifact_type = Some(artifact_type.into());
        listed.annotations.insert("k".into(), "v".into());
        assert_eq!(AnyDocument::parse(bytes, &named).unwrap().as_referrer(), listed, "{extra}");
    }
    for (extra, artifact_type) in [
        ("", None),
        (r#","artifactType":"""#, None),
        (r#","artifactType":"x/y""#, Some("x/y".into())),
    ] {
        let bytes = format!(r#"{{"schemaVersion":2,"manifests":[]{extra}}}"#).into_bytes();
        let mut listed = Descriptor::of(MediaType::IMAGE_INDEX, &bytes);
        let document = AnyDocument::parse(bytes, &listed).unwrap();
        listed.artifact_type = artifact_type;
        assert_eq!(document.as_referrer(), listed, "{extra}");
    }
}

#[test]
fn content_may_be_elsewhere_that_has_urls_or_is_not_distributed() {
    for (media_type, url, elsewhere) in [
        (MediaType::LAYER_TAR_GZIP, None, false),
        (MediaType::LAYER_TAR_GZIP, Some("https://example.org/layer"), true),
        (MediaType::DOCKER_FOREIGN_LAYER_TAR_GZIP, None, true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd".into(), None, true),
        ("text/plain".into(), None, false),
    ] {
        let mut blob = Descriptor::of(media_type, "layer");
        blob.urls.extend(url.map(String::from));
        assert_eq!(blob.may_be_elsewhere(), elsewhere, "{blob:?}");
    }
}
