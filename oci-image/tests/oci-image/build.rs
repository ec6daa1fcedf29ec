mod formats;
mod history;
mod representation;

use oci_image::build::{BuildError, Builder, Image, Layer, assemble, rebase, split};
use oci_image::{
    Config, Descriptor, Digest, Document, History, Manifest, MediaType, Platform, RootFs, docker,
};

fn amd64() -> Platform {
    "linux/amd64".parse().unwrap()
}

fn layer(content: &str) -> Layer {
    let blob = Descriptor::of(MediaType::LAYER_TAR_GZIP, format!("compressed {content}"));
    Layer::new(blob, Digest::sha256(content)).created_by(format!("add {content}"))
}

fn image(layers: &[&str]) -> Image {
    layers
        .iter()
        .fold(Builder::new(&amd64()), |it, content| it.layer(layer(content)))
        .build()
        .unwrap()
}

fn diff_ids(image: &Image) -> Vec<Digest> {
    image.config().rootfs.diff_ids.clone()
}

fn commands(image: &Image) -> Vec<String> {
    let steps = image.config().history.iter();
    steps.map(|step| step.created_by.clone().unwrap_or_default()).collect()
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let build = || {
        Builder::new(&amd64())
            .layer(layer("a"))
            .entrypoint(["/app"])
            .cmd(["--help"])
            .env("PATH", "/bin")
            .label("org.example", "1")
            .user("1000:1000")
            .working_dir("/srv")
            .expose("80/tcp")
            .volume("/data")
            .stop_signal("SIGINT")
            .author("A")
            .created("2026-01-01T00:00:00Z")
            .annotation("org.example.team", "core")
            .build()
            .unwrap()
    };
    let image = build();
    assert_eq!(image, build());
    let expected = format!(
        r#"{{"created":"2026-01-01T00:00:00Z","author":"A","architecture":"amd64","os":"linux","config":{{"User":"1000:1000","ExposedPorts":{{"80/tcp":{{}}}},"Env":["PATH=/bin"],"Cmd":["--help"],"Volumes":{{"/data":{{}}}},"WorkingDir":"/srv","Entrypoint":["/app"],"Labels":{{"org.example":"1"}},"StopSignal":"SIGINT"}},"rootfs":{{"type":"layers","diff_ids":["{}"]}},"history":[{{"created_by":"add a"}}]}}"#,
        Digest::sha256("a")
    );
    assert_eq!(str::from_utf8(image.config().bytes()).unwrap(), expected);
    assert_eq!(image.manifest().config, *image.config().descriptor());
    assert_eq!(image.manifest().annotations["org.example.team"], "core");
}

#[test]
fn a_new_entrypoint_drops_the_command_of_the_base_alone() {
    let base = Builder::new(&amd64()).entrypoint(["sh"]).cmd(["-l"]).build().unwrap();
    let cmd = |builder: Builder| builder.build().unwrap().config().config.clone().unwrap().cmd;
    assert_eq!(cmd(Builder::from(&base).entrypoint(["/app"])), [""; 0]);
    assert_eq!(cmd(Builder::from(&base).cmd(["x"]).entrypoint(["/app"])), ["x"]);
    assert_eq!(cmd(Builder::from(&base).env("A", "b")), ["-l"]);
}

#[test]
fn variables_are_replaced_in_their_place() {
    let base = Builder::new(&amd64()).env("A", "1").env("AB", "2").env("C", "3").build().unwrap();
    let next = Builder::from(&base).env("AB", "=").without_env("A").env("D", "4").build().unwrap();
    assert_eq!(next.config().config.as_ref().unwrap().env, ["AB==", "C=3", "D=4"]);
}

#[test]
fn what_is_said_of_the_base_is_not_said_of_the_image() {
    let base = Builder::new(&amd64())
        .layer(layer("a"))
        .created("2026-01-01T00:00:00Z")
        .annotation("org.example", "base")
        .subject(Descriptor::empty_json())
        .build()
        .unwrap();
    let digest = &base.manifest().descriptor().digest;
    let next = Builder::from(&base).base("example.org/base:1", digest).build().unwrap();
    assert_eq!(next.config().created, None);
    assert_eq!(next.manifest().subject, None);
    let annotations: Vec<_> = next.manifest().annotations.values().map(String::as_str).collect();
    assert_eq!(annotations, [digest.as_str(), "example.org/base:1"]);
}

#[test]
fn a_base_in_dockers_format_gives_an_image_in_ocis() {
    let oci = image(&["a"]);
    let converted = docker::manifest_to_docker(oci.manifest()).unwrap();
    let base = Image::new(converted.document, oci.config().clone()).unwrap();
    let next = Builder::from(&base).layer(layer("b")).build().unwrap();
    assert_eq!(next.manifest().descriptor().media_type, MediaType::IMAGE_MANIFEST);
    assert_eq!(next.manifest().config.media_type, MediaType::IMAGE_CONFIG);
    assert!(next.manifest().layers.iter().all(|it| it.media_type == MediaType::LAYER_TAR_GZIP));
}

#[test]
fn unknown_members_of_the_base_are_kept() {
    let rootfs = r#"{"type":"layers","diff_ids":[],"x":1}"#;
    let config = format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{rootfs},"y":[2.0]}}"#);
    let config =
        Document::<Config>::from_own_bytes(config.as_bytes(), MediaType::IMAGE_CONFIG).unwrap();
    let manifest = Manifest::new(config.descriptor().clone());
    let base = Image::new(Document::new(manifest).unwrap(), config).unwrap();
    let next = Builder::from(&base).layer(layer("a")).build().unwrap();
    let text = str::from_utf8(next.config().bytes()).unwrap();
    assert!(text.contains(r#""x":1"#) && text.contains(r#""y":[2.0]"#), "{text}");
}

#[test]
fn a_base_without_history_gets_steps_that_say_nothing() {
    let mut rootfs = RootFs::new();
    rootfs.diff_ids.push(Digest::sha256("a"));
    let config = Document::new(Config::new("amd64".into(), "linux".into(), rootfs)).unwrap();
    let mut manifest = Manifest::new(config.descriptor().clone());
    manifest.layers.push(layer("a").descriptor);
    let base = Image::new(Document::new(manifest).unwrap(), config).unwrap();
    let mut note = History::new();
    note.comment = Some("note".into());
    let next = Builder::from(&base).step(note).layer(layer("b")).build().unwrap();
    let empty: Vec<_> = next.config().history.iter().map(|step| step.empty_layer).collect();
    assert_eq!(empty, [None, Some(true), None]);
    assert_eq!(next.layers()[1], layer("b"));
}

#[test]
fn what_does_not_belong_together_is_not_an_image() {
    let error = Builder::new(&amd64())
        .layer(layer("a"))
        .edit_config(|config| config.rootfs.diff_ids.clear())
        .build()
        .unwrap_err();
    assert_eq!(error, BuildError::Mismatch { layers: 1, diff_ids: 0 });
    let (one, two) = (image(&["a"]), image(&["b"]));
    let error = Image::new(one.manifest().clone(), two.config().clone()).unwrap_err();
    assert!(matches!(error, BuildError::OtherConfig { .. }));
}

#[test]
fn an_image_moves_to_a_new_base_with_its_own_layers() {
    let old = Builder::new(&amd64()).layer(layer("os 1")).cmd(["sh"]).build().unwrap();
    let image = Builder::from(&old)
        .base("example.org/os:1", &old.manifest().descriptor().digest)
        .step(History::new())
        .layer(layer("app"))
        .entrypoint(["/app"])
        .build()
        .unwrap();
    let new = Builder::new(&"linux/amd64".parse().unwrap())
        .layer(layer("os 2"))
        .layer(layer("os 2 fixes"))
        .cmd(["bash"])
        .build()
        .unwrap();
    let moved = rebase(&image, &old, &new).unwrap();
    let expected = ["os 2", "os 2 fixes", "app"];
    assert_eq!(diff_ids(&moved), expected.map(Digest::sha256));
    assert_eq!(moved.manifest().layers, expected.map(|it| layer(it).descriptor));
    assert_eq!(commands(&moved), ["add os 2", "add os 2 fixes", "", "add app"]);
    assert_eq!(moved.config().config.as_ref().unwrap().entrypoint, ["/app"]);
    assert_eq!(
        moved.manifest().annotations["org.opencontainers.image.base.digest"],
        new.manifest().descriptor().digest.to_string()
    );
    assert!(matches!(rebase(&image, &new, &old), Err(BuildError::OtherBase { number: 0, .. })));
}

#[test]
fn a_base_is_found_whatever_its_compression_and_history() {
    let old = image(&["os"]);
    let app = Builder::from(&old)
        .edit_config(|config| config.history[0].comment = Some("squashed".into()))
        .edit_manifest(|manifest| manifest.layers[0] = Descriptor::of(MediaType::LAYER_TAR, "os"))
        .layer(layer("app"))
        .build()
        .unwrap();
    let moved = rebase(&app, &old, &image(&["new"])).unwrap();
    assert_eq!(commands(&moved), ["add new", "add app"]);
}

#[test]
fn layers_are_replaced_and_flattened() {
    let image = image(&["a", "b"]);
    let zstd = Descriptor::of(MediaType::LAYER_TAR_ZSTD, "b in zstd");
    let wanted = Digest::sha256("b");
    let next = image.with_blobs(|it| (it.diff_id == wanted).then(|| zstd.clone())).unwrap();
    assert_eq!(next.manifest().layers, [layer("a").descriptor, zstd]);
    assert_eq!(next.config(), image.config());
    let flat = image.flatten(layer("all")).unwrap();
    assert_eq!(diff_ids(&flat), [Digest::sha256("all")]);
    assert_eq!(flat.layers(), [layer("all")]);
}

#[test]
fn an_index_is_assembled_and_split_by_platform() {
    let platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"].map(|it| it.parse().unwrap());
    let images: Vec<_> = platforms
        .iter()
        .map(|platform| Builder::new(platform).build().unwrap().descriptor())
        .collect();
    let index = assemble(images.clone()).unwrap();
    assert_eq!(index.manifests, images);
    let part = split(&index, &[platforms[1].clone()]).unwrap();
    assert_eq!(part.manifests, [images[1].clone()]);
}
