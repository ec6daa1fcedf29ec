use oci_image::distribution::{Catalog, ErrorResponse, Extensions, TagList};
use oci_image::json;
use oci_image::{Config, Descriptor, Index, LayoutFile, Level, Lint, Manifest};
use serde::de::DeserializeOwned;

const SHA: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// What linting finds, a line each: `error IMG-DESC-03 /mediaType`.
fn found<T: Lint + DeserializeOwned>(text: &str) -> Vec<String> {
    let text = text.replace("SHA", SHA);
    let value: T = json::from_slice(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
    let line = |finding: oci_image::Finding| {
        assert!(!finding.message.is_empty());
        format!("{} {} {}", finding.level, finding.id, finding.pointer)
    };
    value.lint().into_iter().map(line).collect()
}

fn check<T: Lint + DeserializeOwned>(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(found::<T>(text), *expected, "{text}");
    }
}

// covers: IMG-DESC-03, IMG-DESC-09, IMG-DESC-10, IMG-DESC-11, IMG-DESC-13, IMG-DESC-14, IMG-DESC-15, IMG-ANN-01, IMG-ANN-03
#[test]
fn descriptors_are_held_to_their_rules() {
    let descriptor =
        |members: &str| format!(r#"{{"mediaType":"a/b","digest":"SHA","size":2{members}}}"#);
    for (members, expected) in [
        ("", &[][..]),
        (r#","urls":["https://a.io/b","HTTP://a.io"]"#, &[]),
        (
            r#","urls":["https://a.io","value","ftp://a.io/b"]"#,
            &["error IMG-DESC-10 /urls/1", "warning IMG-DESC-10 /urls/2"],
        ),
        (
            r#","annotations":{"org.example/a~b":"","key":""}"#,
            &["warning IMG-ANN-03 /annotations/key"],
        ),
        (r#","data":"e30=""#, &[]),
        (r#","data":"e30""#, &["error IMG-DESC-13 /data"]),
        (r#","data":"e31=""#, &["error IMG-DESC-13 /data"]),
        (r#","data":"e30g""#, &["error IMG-DESC-14 /data"]),
        (r#","data":"W10=""#, &["error IMG-DESC-14 /data"]),
        (r#","artifactType":"a/b""#, &[]),
        (r#","artifactType":"foo/.bar""#, &["error IMG-DESC-15 /artifactType"]),
    ] {
        assert_eq!(found::<Descriptor>(&descriptor(members)), expected, "{members}");
    }
    let other = descriptor(r#","data":"e30=""#).replace("SHA", "md5:00");
    assert_eq!(found::<Descriptor>(&other), [""; 0], "what cannot be verified is not wrong");
    let wrong = descriptor("").replace("a/b", "invalid");
    assert_eq!(found::<Descriptor>(&wrong), ["error IMG-DESC-03 /mediaType"]);
}

// covers: IMG-MT-06, IMG-MAN-01, IMG-MAN-02, IMG-MAN-03, IMG-MAN-04, IMG-MAN-05, IMG-MAN-11, IMG-MAN-12, IMG-MAN-16, IMG-MAN-17, IMG-MAN-18, IMG-MAN-20, IMG-LAYER-16
#[test]
fn manifests_are_held_to_their_rules() {
    const GOOD: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/config","digest":"SHA","size":2},"layers":[{"mediaType":"a/layer","digest":"SHA","size":2}],"subject":{"mediaType":"a/subject","digest":"SHA","size":2},"annotations":{"org.example.a":"b"}}"#;
    for (from, to, expected) in [
        ("", "", &[][..]),
        ("Version\":2", "Version\":1", &["error IMG-MAN-01 /schemaVersion"]),
        (
            r#""mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            "",
            &["warning IMG-MAN-02 /mediaType"],
        ),
        ("vnd.oci.image.manifest.v1", "vnd.oci.image.index.v1", &["error IMG-MAN-02 /mediaType"]),
        ("vnd.oci.image.manifest.v1", "vnd.docker.distribution.manifest.v2", &[]),
        (
            "a/config",
            "application/vnd.docker.container.image.v1+json",
            &["warning IMG-MT-06 /config/mediaType"],
        ),
        (
            "a/layer",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            &["warning IMG-LAYER-16 /layers/0/mediaType", "warning IMG-MT-06 /layers/0/mediaType"],
        ),
        ("a/layer", "application/vnd.oci.image.layer.v1.tar+zstd", &[]),
        ("a/config", "application/vnd.oci.empty.v1+json", &["error IMG-MAN-04 /artifactType"]),
        (r#""config""#, r#""artifactType":"x","config""#, &["error IMG-MAN-05 /artifactType"]),
        ("a/config", "invalid", &["error IMG-DESC-03 /config/mediaType"]),
        ("a/layer", "invalid", &["error IMG-DESC-03 /layers/0/mediaType"]),
        ("a/subject", "invalid", &["error IMG-DESC-03 /subject/mediaType"]),
        (r#"{"mediaType":"a/layer","digest":"SHA","size":2}"#, "", &["error IMG-MAN-12 /layers"]),
        (
            r#""a/layer","digest":"SHA","size":2"#,
            r#""a/layer","digest":"SHA","size":0"#,
            &["warning IMG-MAN-20 /layers"],
        ),
        (
            "a/layer",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            &["warning IMG-LAYER-16 /layers/0/mediaType"],
        ),
        (
            "org.example.a",
            "org.opencontainers.new",
            &["error IMG-ANN-04 /annotations/org.opencontainers.new"],
        ),
        (
            r#""annotations""#,
            r#""org.new":[1,{"a/b":1e400}],"annotations""#,
            &["warning IMG-GEN-05 /org.new/1/a~1b"],
        ),
    ] {
        assert_eq!(found::<Manifest>(&GOOD.replacen(from, to, 1)), expected, "{to}");
    }
}

// covers: IMG-IDX-02, IMG-IDX-03, IMG-IDX-04, IMG-IDX-05, IMG-IDX-07, IMG-IDX-08, IMG-IDX-09, IMG-IDX-10, IMG-IDX-12, IMG-IDX-13, IMG-IDX-14, IMG-IDX-16, IMG-IDX-17
#[test]
fn indexes_are_held_to_their_rules() {
    const GOOD: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"a/t","manifests":[{"mediaType":"a/unheard-of","digest":"SHA","size":2,"platform":{"architecture":"arm","os":"windows","os.version":"x","os.features":["win32k"],"variant":"v7"}},{"mediaType":"a/b","digest":"SHA","size":2}],"subject":{"mediaType":"a/subject","digest":"SHA","size":2},"annotations":{"org.example.a":"b"}}"#;
    for (from, to, expected) in [
        ("", "", &[][..]),
        ("Version\":2", "Version\":0", &["error IMG-IDX-02 /schemaVersion"]),
        (
            r#""mediaType":"application/vnd.oci.image.index.v1+json","#,
            "",
            &["warning IMG-IDX-03 /mediaType"],
        ),
        ("vnd.oci.image.index.v1", "vnd.oci.image.manifest.v1", &["error IMG-IDX-03 /mediaType"]),
        ("vnd.oci.image.index.v1", "vnd.docker.distribution.manifest.list.v2", &[]),
        ("a/t", "t", &["error IMG-IDX-04 /artifactType"]),
        ("a/b", "", &["error IMG-DESC-03 /manifests/1/mediaType"]),
        (r#""arm""#, r#""x86_64""#, &["warning IMG-IDX-09 /manifests/0/platform/architecture"]),
        ("windows", "Windows", &["warning IMG-IDX-10 /manifests/0/platform/os"]),
        ("win32k", "win64k", &["warning IMG-IDX-12 /manifests/0/platform/os.features/0"]),
        ("v7", "7", &["warning IMG-IDX-13 /manifests/0/platform/variant"]),
        (
            r#""variant""#,
            r#""features":["sse4"],"variant""#,
            &["warning IMG-IDX-14 /manifests/0/platform/features"],
        ),
        ("a/subject", "x", &["error IMG-DESC-03 /subject/mediaType"]),
        ("org.example.a", "", &["warning IMG-ANN-03 /annotations/"]),
    ] {
        assert_eq!(found::<Index>(&GOOD.replacen(from, to, 1)), expected, "{to}");
    }
}

const CONFIG: &str = r#"{"created":"2015-10-31T22:22:56Z","architecture":"arm64","os":"linux","variant":"v8","config":{"User":"a","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Volumes":{"/v":{}},"Labels":{"org.example.a":"b"},"StopSignal":"SIGTERM"},"rootfs":{"type":"layers","diff_ids":["SHA"]},"history":[{"created":"2015-10-31T22:22:56Z"},{"empty_layer":true}]}"#;

// covers: IMG-CFG-03, IMG-CFG-04, IMG-CFG-05, IMG-CFG-06, IMG-CFG-09, IMG-CFG-10, IMG-CFG-12, IMG-CFG-13, IMG-CFG-14, IMG-CFG-15, IMG-CFG-16, IMG-CFG-18, IMG-CFG-19, IMG-CFG-20
#[test]
fn configs_are_held_to_their_rules() {
    for (from, to, expected) in [
        ("", "", &[][..]),
        ("2015-10-31T22:22:56Z", "yesterday", &["error IMG-CFG-03 /created"]),
        ("arm64", "aarch64", &["warning IMG-CFG-04 /architecture"]),
        ("linux", "macOS", &["warning IMG-CFG-05 /os"]),
        ("\"v8\"", "\"8\"", &["warning IMG-CFG-06 /variant"]),
        ("80/tcp", "80", &[]),
        ("80/tcp", "http", &["error IMG-CFG-09 /config/ExposedPorts/http"]),
        ("80/tcp", "0/udp", &["error IMG-CFG-09 /config/ExposedPorts/0~1udp"]),
        ("80/tcp", "65536", &["error IMG-CFG-09 /config/ExposedPorts/65536"]),
        ("80/tcp", "+1", &["error IMG-CFG-09 /config/ExposedPorts/+1"]),
        ("80/tcp", "80/sctp", &["warning IMG-CFG-09 /config/ExposedPorts/80~1sctp"]),
        (r#"tcp":{}"#, r#"tcp":[]"#, &["error IMG-CFG-09 /config/ExposedPorts/80~1tcp"]),
        ("A=b", "foo", &["error IMG-CFG-10 /config/Env/0"]),
        ("A=b", "=b", &["error IMG-CFG-10 /config/Env/0"]),
        (r#"/v":{}"#, r#"/v":null"#, &["error IMG-CFG-12 /config/Volumes/~1v"]),
        (r#"/v":{}"#, r#"/v":{"a":1}"#, &["warning IMG-CFG-12 /config/Volumes/~1v"]),
        ("org.example.a", "maintainer", &["warning IMG-ANN-03 /config/Labels/maintainer"]),
        ("SIGTERM", "SIGRTMIN+3", &[]),
        ("SIGTERM", "", &[]),
        ("SIGTERM", "9", &["warning IMG-CFG-14 /config/StopSignal"]),
        ("SIGTERM", "TERM", &["warning IMG-CFG-14 /config/StopSignal"]),
        ("SIGTERM", "SIGTERM+1", &["error IMG-CFG-14 /config/StopSignal"]),
        ("SIGTERM", "SIGRTMIN+65", &["error IMG-CFG-14 /config/StopSignal"]),
        ("SIGTERM", "sigterm", &["error IMG-CFG-14 /config/StopSignal"]),
        (r#""User":"a""#, r#""ArgsEscaped":true"#, &["warning IMG-CFG-15 /config/ArgsEscaped"]),
        (r#""User":"a""#, r#""Memory":1,"CpuShares":0"#, &["warning IMG-CFG-16 /config/Memory"]),
        ("\"layers\"", "\"blocks\"", &["error IMG-CFG-18 /rootfs/type"]),
        ("[\"SHA\"]", "[]", &["warning IMG-CFG-19 /history"]),
        (r#""empty_layer":true"#, "", &["warning IMG-CFG-19 /history"]),
        (
            r#"[{"created":"2015-10-31T22:22:56Z"},"#,
            r#"[{"created":""},"#,
            &["error IMG-CFG-20 /history/0/created"],
        ),
    ] {
        assert_eq!(found::<Config>(&CONFIG.replacen(from, to, 1)), expected, "{to}");
    }
    let without = CONFIG
        .replace(r#","history":[{"created":"2015-10-31T22:22:56Z"},{"empty_layer":true}]"#, "");
    assert_eq!(found::<Config>(&without), [""; 0]);
}

// covers: IMG-CFG-19
#[test]
fn a_manifest_and_its_config_have_as_many_layers() {
    let config: Config = json::from_slice(CONFIG.replace("SHA", SHA).as_bytes()).unwrap();
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.layers.push(Descriptor::empty_json());
    assert_eq!(manifest.lint_with(&config), []);
    manifest.layers.clear();
    let findings = manifest.lint_with(&config);
    assert_eq!((findings[0].id, findings[0].pointer.as_str()), ("IMG-CFG-19", "/layers"));
}

// covers: IMG-LAYOUT-03
#[test]
fn layouts_have_the_one_version() {
    check::<LayoutFile>(&[
        (r#"{"imageLayoutVersion":"1.0.0","x":1}"#, &[]),
        (r#"{"imageLayoutVersion":"1.0.1"}"#, &["error IMG-LAYOUT-03 /imageLayoutVersion"]),
    ]);
    assert!(json::from_slice::<LayoutFile>(b"{}").is_err());
}

// covers: IMG-ANN-02, IMG-ANN-04, IMG-ANN-06, IMG-ANN-07, IMG-ANN-08, IMG-ANN-09, IMG-ANN-10
#[test]
fn the_keys_of_the_spec_have_values_of_the_spec() {
    let entry = |key: &str, value: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"a/b","digest":"SHA","size":2,"annotations":{{"{key}":"{value}"}}}}]}}"#
        )
    };
    for (key, value, id) in [
        ("org.label-schema.name", "x", ""),
        ("org.unknown.key", "", ""),
        ("org.opencontainers.image.created", "2015-10-31T22:22:56Z", ""),
        ("org.opencontainers.image.created", "2015", "error IMG-ANN-07"),
        ("org.opencontainers.image.licenses", "MIT OR (Apache-2.0 WITH x)", ""),
        ("org.opencontainers.image.licenses", "see file/LICENSE", "warning IMG-ANN-07"),
        ("org.opencontainers.image.ref.name", "docker.io/a/b:v1@x+y--z", ""),
        ("org.opencontainers.image.ref.name", "", "warning IMG-ANN-08"),
        ("org.opencontainers.image.ref.name", "a//b", "warning IMG-ANN-08"),
        ("org.opencontainers.image.ref.name", "a b", "warning IMG-ANN-08"),
        ("org.opencontainers.image.base.digest", SHA, ""),
        ("org.opencontainers.image.base.digest", "latest", "warning IMG-ANN-09"),
        ("org.opencontainers.image.base.name", "docker.io/library/a:1", ""),
        ("org.opencontainers.image.base.name", "debian", "warning IMG-ANN-09"),
        ("org.opencontainers", "", "error IMG-ANN-04"),
        ("org.opencontainers.image.mine", "", "error IMG-ANN-04"),
    ] {
        let expected: Vec<_> = (!id.is_empty())
            .then(|| format!("{id} /manifests/0/annotations/{key}"))
            .into_iter()
            .collect();
        assert_eq!(found::<Index>(&entry(key, value)), expected, "{key} {value}");
    }
    let named = entry("a.b", "").replace(
        r#""manifests""#,
        r#""annotations":{"org.opencontainers.image.ref.name":"v1"},"manifests""#,
    );
    let expected = ["warning IMG-ANN-08 /annotations/org.opencontainers.image.ref.name"];
    assert_eq!(found::<Index>(&named), expected);
}

// covers: DIST-ERR-02, DIST-GEN-04, DIST-GEN-05, DIST-LIST-02
#[test]
fn bodies_of_registries_are_held_to_their_rules() {
    check::<ErrorResponse>(&[
        (r#"{"errors":[{"code":"DENIED"},{"code":"EXTENSION_UNKNOWN"}]}"#, &[]),
        (
            r#"{"errors":[{"code":"DENIED"},{"code":"TAG_INVALID"}]}"#,
            &["warning DIST-ERR-02 /errors/1/code"],
        ),
        (r#"{"errors":[{"code":"denied"}]}"#, &["error DIST-ERR-02 /errors/0/code"]),
        (r#"{"errors":[{"code":""}]}"#, &["error DIST-ERR-02 /errors/0/code"]),
    ]);
    check::<TagList>(&[
        (r#"{"name":"a/b","tags":["A","B","a"]}"#, &[]),
        (r#"{"name":"a/b","tags":["a","B","c"]}"#, &[]),
        (r#"{"name":"a/b","tags":["b","a"]}"#, &["error DIST-LIST-02 /tags"]),
        (r#"{"name":"A","tags":["-"]}"#, &["error DIST-GEN-04 /name", "error DIST-GEN-05 /tags/0"]),
    ]);
    check::<Catalog>(&[(r#"{"repositories":["a","B"]}"#, &["error DIST-GEN-04 /repositories/1"])]);
    check::<Extensions>(&[(
        r#"{"extensions":[{"name":"oci","url":"","endpoints":[]}]}"#,
        &["error DIST-EXT-01 /extensions/0/name"],
    )]);
}

#[test]
fn a_finding_is_a_line_of_text_and_of_json() {
    let index: Index = json::from_slice(br#"{"schemaVersion":1,"manifests":[]}"#).unwrap();
    let findings = index.lint();
    assert_eq!(
        findings[0].to_string(),
        "IMG-IDX-02 at /schemaVersion: the version of the schema is 1, not 2"
    );
    assert_eq!(
        String::from_utf8(json::to_vec(&findings[1]).unwrap()).unwrap(),
        r#"{"id":"IMG-IDX-03","level":"warning","pointer":"/mediaType","message":"the document does not say its type"}"#
    );
    assert!(Level::Error > Level::Warning);
}

// covers: IMG-GEN-05
#[test]
fn numbers_that_other_readers_round_are_pointed_out() {
    for (number, exact) in [
        ("9007199254740992", true),
        ("9007199254740993", false),
        ("-9007199254740993", false),
        ("1e308", true),
        ("1e309", false),
        ("0.1", true),
    ] {
        let text = format!(r#"{{"imageLayoutVersion":"1.0.0","x":{number}}}"#);
        assert_eq!(found::<LayoutFile>(&text).is_empty(), exact, "{number}");
    }
}
