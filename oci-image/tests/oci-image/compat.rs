//! Conversions to `oci-spec` and back.

use std::fmt::Debug;

use oci_image::compat::oci_spec_0_10::{ConversionError, Converted, Counterpart};
use oci_image::distribution::{Catalog, ErrorResponse, TagList};
use oci_image::{
    Config, Descriptor, Digest, Index, LayoutFile, Manifest, MediaType, Platform, Reference, json,
};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn read<T: Counterpart>(text: &str) -> T {
    json::from_slice(text.as_bytes()).unwrap()
}

/// Both read the text alike, and lose nothing of it.
fn is_exact<T: Counterpart + PartialEq + Debug>(text: &str)
where
    T::OciSpec: PartialEq + Debug,
{
    let text = text.replace("DIGEST", DIGEST);
    let ours: T = read(&text);
    let theirs = ours.to_oci_spec().unwrap().exact().unwrap();
    assert_eq!(theirs, serde_json::from_str::<T::OciSpec>(&text).unwrap(), "{text}");
    assert_eq!(T::from_oci_spec(&theirs).unwrap().exact().unwrap(), ours, "{text}");
}

fn lost<T: Counterpart>(text: &str) -> Vec<String> {
    let converted = read::<T>(&text.replace("DIGEST", DIGEST)).to_oci_spec().unwrap();
    assert_eq!(converted.added, [""; 0]);
    let back = T::from_oci_spec(&converted.value).unwrap();
    assert_eq!((back.lost, back.added), (vec![], vec![]), "{text}");
    converted.lost
}

#[test]
fn what_oci_spec_holds_it_reads_as_we_do() {
    is_exact::<Digest>(r#""DIGEST""#);
    is_exact::<MediaType>(r#""application/vnd.oci.image.layer.v1.tar+zstd""#);
    is_exact::<MediaType>(r#""application/x.unheard""#);
    is_exact::<Platform>(r#"{"architecture":"arm64","os":"linux","variant":"v8"}"#);
    is_exact::<Platform>(r#"{"architecture":"unheard","os":"of"}"#);
    is_exact::<LayoutFile>(r#"{"imageLayoutVersion":"1.0.0"}"#);
    is_exact::<TagList>(r#"{"name":"a/b","tags":["1","2"]}"#);
    is_exact::<Catalog>(r#"{"repositories":["a","b"]}"#);
    is_exact::<ErrorResponse>(r#"{"errors":[{"code":"DENIED","message":"no"}]}"#);
    is_exact::<Descriptor>(
        r#"{"mediaType":"a/b","digest":"DIGEST","size":2,"urls":["https://a/b"],
        "annotations":{"a.b":"c"},"data":"e30=","artifactType":"c/d"}"#,
    );
    is_exact::<Manifest>(
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "artifactType":"a/b","config":{"mediaType":"a/b","digest":"DIGEST","size":2},
        "layers":[{"mediaType":"a/b","digest":"DIGEST","size":2}],
        "subject":{"mediaType":"a/b","digest":"DIGEST","size":9223372036854775807},
        "annotations":{"a":"b"}}"#,
    );
    is_exact::<Index>(
        r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"DIGEST","size":2,
        "platform":{"architecture":"amd64","os":"linux"}}],"annotations":{"a":"b","c":"d"}}"#,
    );
    is_exact::<Config>(
        r#"{"created":"2026-01-01T00:00:00Z","author":"a","architecture":"amd64","os":"windows",
        "os.version":"10","os.features":["win32k"],"variant":"v1","config":{"User":"a:b",
        "ExposedPorts":{"80/tcp":{}},"Env":["A=B"],"Entrypoint":["/a"],"Cmd":["b"],
        "Volumes":{"/c":{}},"WorkingDir":"/","Labels":{"a":"b"},"StopSignal":"SIGTERM"},
        "rootfs":{"type":"layers","diff_ids":["DIGEST"]},
        "history":[{"created":"2026-01-01T00:00:00Z","created_by":"a","empty_layer":true}]}"#,
    );
}

/// `oci-spec` writes `os_version`, and reads nothing else.
#[test]
fn versions_and_features_of_systems_arrive_under_their_other_names() {
    let platform: Platform = read(
        r#"{"architecture":"amd64","os":"windows","os.version":"10.0","os.features":["win32k"]}"#,
    );
    let theirs = platform.to_oci_spec().unwrap().exact().unwrap();
    assert_eq!(theirs.os_version().as_deref(), Some("10.0"));
    assert_eq!(theirs.os_features(), &Some(vec!["win32k".to_owned()]));
    assert_eq!(Platform::from_oci_spec(&theirs).unwrap().exact().unwrap(), platform);

    let mut entry: Descriptor =
        read(&format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":2}}"#));
    entry.platform = Some(platform);
    let mut index = Index::new();
    index.manifests.push(entry);
    let theirs = index.to_oci_spec().unwrap().exact().unwrap();
    let platform = theirs.manifests()[0].platform().as_ref().unwrap();
    assert_eq!(platform.os_version().as_deref(), Some("10.0"));
    assert_eq!(Index::from_oci_spec(&theirs).unwrap().exact().unwrap(), index);
}

#[test]
fn a_member_that_only_looks_like_a_version_is_not_one() {
    let text = r#"{"architecture":"amd64","os":"linux","os_version":"1","os_features":["a"]}"#;
    let theirs = read::<Platform>(text).to_oci_spec().unwrap();
    assert_eq!(theirs.value.os_version(), &None);
    assert_eq!(theirs.lost, ["/os_features", "/os_version"]);
}

#[test]
fn what_oci_spec_cannot_hold_is_named() {
    assert_eq!(
        lost::<Config>(
            r#"{"architecture":"amd64","os":"linux","docker_version":"27","comment":null,
            "config":{"OnBuild":["RUN a"],"Healthcheck":{"Test":["NONE"]},"Env":null},
            "rootfs":{"type":"layers","diff_ids":[]},"history":[{"x/y":1},{"a~b":2}]}"#
        ),
        [
            "/config/Healthcheck",
            "/config/OnBuild",
            "/docker_version",
            "/history/0/x~1y",
            "/history/1/a~0b",
        ]
    );
    assert_eq!(lost::<TagList>(r#"{"name":"a","tags":[],"x":1}"#), ["/x"]);
}

#[test]
fn what_oci_spec_refuses_is_left_out_by_name() {
    let text = r#"{"errors":[{"code":"DENIED"},{"code":"NOVEL"},{"code":"UNSUPPORTED","x":1}]}"#;
    assert_eq!(lost::<ErrorResponse>(text), ["/errors/1", "/errors/2/x"]);
    let converted = read::<ErrorResponse>(text).to_oci_spec().unwrap();
    assert_eq!(converted.value.detail().len(), 2);
    assert!(converted.exact().is_err());
    let refused = oci_image::distribution::ErrorCode::from("NOVEL").to_oci_spec();
    assert!(matches!(refused, Err(ConversionError::Refused { .. })));
}

/// A value of `oci-spec` that no document may say.
#[test]
fn what_is_not_a_document_is_refused() {
    let theirs = oci_spec::image::Descriptor::new(
        oci_spec::image::MediaType::ImageConfig,
        u64::MAX,
        DIGEST.parse::<oci_spec::image::Digest>().unwrap(),
    );
    let error = Descriptor::from_oci_spec(&theirs).unwrap_err();
    assert!(matches!(error, ConversionError::Invalid { .. }));
    assert_eq!(
        error.to_string(),
        "cannot convert the value of oci-spec: it is not a valid document"
    );
}

#[test]
fn an_inexact_conversion_says_what_it_loses() {
    let mut config: Config = read(
        r#"{"architecture":"a","os":"b","rootfs":{"type":"layers","diff_ids":[]},"comment":"c"}"#,
    );
    let error = config.to_oci_spec().map(Converted::exact).unwrap().unwrap_err();
    assert_eq!((error.lost, error.added), (vec!["/comment".to_owned()], vec![]));
    config.comment = None;
    assert!(config.to_oci_spec().unwrap().exact().is_ok());
}

#[test]
fn references_convert() {
    for text in [
        "docker.io/library/debian:12",
        "localhost:5000/a/b:1",
        &format!("ghcr.io/a/b@{DIGEST}"),
        &format!("ghcr.io/a/b:1@{DIGEST}"),
    ] {
        let ours: Reference = text.parse().unwrap();
        let theirs = oci_spec::distribution::Reference::from(&ours);
        assert_eq!(theirs, text.parse().unwrap());
        assert_eq!(theirs.whole(), text);
        assert_eq!(Reference::try_from(&theirs).unwrap(), ours);
    }
    let ours: Reference = "debian".parse().unwrap();
    assert_eq!(oci_spec::distribution::Reference::from(&ours), "debian".parse().unwrap());
    let host = oci_spec::distribution::Reference::with_tag("host".into(), "a".into(), "1".into());
    assert!(Reference::try_from(&host).is_err());
}
