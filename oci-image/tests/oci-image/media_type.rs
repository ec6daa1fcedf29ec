use oci_image::{MediaType, annotations};

// covers: IMG-MT-05, IMG-MT-06
#[test]
fn the_constants_are_the_names_of_the_specs() {
    for (media_type, text) in [
        (MediaType::DESCRIPTOR, "application/vnd.oci.descriptor.v1+json"),
        (MediaType::LAYOUT_HEADER, "application/vnd.oci.layout.header.v1+json"),
        (MediaType::IMAGE_INDEX, "application/vnd.oci.image.index.v1+json"),
        (MediaType::IMAGE_MANIFEST, "application/vnd.oci.image.manifest.v1+json"),
        (MediaType::IMAGE_CONFIG, "application/vnd.oci.image.config.v1+json"),
        (MediaType::EMPTY_JSON, "application/vnd.oci.empty.v1+json"),
        (MediaType::LAYER_TAR, "application/vnd.oci.image.layer.v1.tar"),
        (MediaType::LAYER_TAR_GZIP, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (MediaType::LAYER_TAR_ZSTD, "application/vnd.oci.image.layer.v1.tar+zstd"),
        (
            MediaType::LAYER_NONDISTRIBUTABLE_TAR,
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
        ),
        (
            MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        ),
        (
            MediaType::LAYER_NONDISTRIBUTABLE_TAR_ZSTD,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        ),
        (
            MediaType::DOCKER_MANIFEST_LIST,
            "application/vnd.docker.distribution.manifest.list.v2+json",
        ),
        (MediaType::DOCKER_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"),
        (MediaType::DOCKER_LAYER_TAR_GZIP, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (MediaType::DOCKER_CONFIG, "application/vnd.docker.container.image.v1+json"),
    ] {
        assert_eq!(media_type, text);
        assert_eq!(MediaType::from(text), media_type);
        assert_eq!(MediaType::from(text.to_owned()), media_type);
        assert!(media_type.is_well_formed());
    }
}

// covers: IMG-DESC-03, IMG-MAN-16
#[test]
fn any_text_is_kept_and_the_grammar_says_whether_it_is_right() {
    let long = "x".repeat(127);
    for good in ["a/b", "1/2", "text/x.y+z", "a!#$&-^_.+/b", &format!("{long}/{long}")] {
        assert!(MediaType::from(good).is_well_formed(), "{good}");
    }
    for bad in [
        "",
        "/",
        "a",
        "a/",
        "/b",
        "a/b/c",
        "a b/c",
        "a/b;q=1",
        ".a/b",
        "a/.b",
        "a/+b",
        "a/b ",
        "a/b\n",
        "é/b",
        "a/*",
        "*/*",
        "a/b,c/d",
        &format!("x{long}/b"),
        &format!("a/x{long}"),
    ] {
        assert!(!MediaType::from(bad).is_well_formed(), "{bad}");
        assert_eq!(MediaType::from(bad).as_str(), bad);
    }
}

// covers: IMG-LAYER-17
#[test]
fn layers_are_told_apart_by_their_names() {
    for (media_type, layer, local, encrypted) in [
        (MediaType::LAYER_TAR, true, false, false),
        (MediaType::LAYER_TAR_ZSTD_ENCRYPTED, true, false, true),
        (MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP, true, true, false),
        (MediaType::DOCKER_LAYER_TAR, true, false, false),
        (MediaType::DOCKER_FOREIGN_LAYER_TAR_GZIP, true, true, false),
        ("application/vnd.oci.image.layer.v1.tar+new".into(), true, false, false),
        ("application/vnd.oci.image.layer.v1.tarball".into(), false, false, false),
        ("application/vnd.oci.image.layer.v2.tar".into(), false, false, false),
        (MediaType::IMAGE_CONFIG, false, false, false),
    ] {
        assert_eq!(media_type.is_layer(), layer, "{media_type}");
        assert_eq!(media_type.is_nondistributable(), local, "{media_type}");
        assert_eq!(media_type.is_encrypted(), encrypted, "{media_type}");
    }
    assert!(MediaType::DOCKER_MANIFEST.is_manifest() && !MediaType::DOCKER_MANIFEST.is_index());
    assert!(MediaType::IMAGE_INDEX.is_index() && !MediaType::IMAGE_INDEX.is_manifest());
    assert!(MediaType::DOCKER_CONFIG.is_config());
}

// covers: IMG-ANN-04
#[test]
fn the_namespace_of_oci_is_reserved() {
    assert!(annotations::DEFINED.iter().all(|key| annotations::is_reserved(key)));
    assert!(annotations::is_reserved("org.opencontainers"));
    for other in ["org.opencontainersx", "org.example", "", "com.org.opencontainers.image"] {
        assert!(!annotations::is_reserved(other), "{other}");
    }
}
