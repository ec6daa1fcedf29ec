//! What other programs make of layouts that are odd, and what we do.

use std::fs;
use std::path::Path;

use oci_image::annotations::REF_NAME;
use oci_image::build::{self, Builder};
use oci_image::images::Images;
use oci_image::{History, Platform};
use oci_layout::Layout;
use oci_testing::program::{Done, run};
use serde_json::Value;

use crate::edit::{inspect, is_read, layout};

fn name(layout: &Layout, tag: &str) -> String {
    format!("{}:{tag}", layout.path().display())
}

fn skopeo(arguments: &[&str]) -> Done {
    run("skopeo", &[&["--insecure-policy"][..], arguments].concat())
}

/// Unpacks by umoci.
fn umoci(image: &str, directory: &Path, bundle: &str) -> Done {
    run("umoci", &["unpack", "--image", image, directory.join(bundle).to_str().unwrap()])
}

#[test]
fn of_images_with_one_name_umoci_takes_none_and_skopeo_the_first() {
    oci_testing::needs!(root, "skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let other = Builder::new(&"linux/riscv64".parse().unwrap()).build().unwrap();
    let other = layout.put_image(&other).unwrap().add().unwrap();
    layout
        .edit_index(|index| {
            let entry = index.manifests.iter_mut().find(|entry| entry.digest == other.digest);
            entry.unwrap().annotations.insert(REF_NAME.into(), "v1".into());
            Ok(())
        })
        .unwrap();
    let image = name(&layout, "v1");
    let umoci = umoci(&image, directory.path(), "bundle");
    assert!(umoci.code == Some(1) && umoci.errors.contains("ambiguous"), "{}", umoci.errors);
    let host = Platform::host().architecture.to_string();
    for architecture in ["riscv64", &host] {
        let source = format!("oci:{image}");
        let config =
            skopeo(&["--override-arch", architecture, "inspect", "--config", &source]).good();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["architecture"], *host);
        // We take the one for the platform.
        let platform = format!("linux/{architecture}");
        let (status, files) = inspect(&layout, "files", &["--platform", &platform], &["v1"]);
        assert_eq!((status, files.contains("/etc/one")), (0, architecture == host), "{files}");
    }
}

#[test]
fn an_index_with_members_of_manifests_is_taken_by_umoci_and_skopeo_and_refused_here() {
    oci_testing::needs!(root, "skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let index = layout.path().join("index.json");
    let before = fs::read_to_string(&index).unwrap();
    for member in ["Layers", "Config", "fslayers"] {
        fs::write(&index, before.replacen('{', &format!(r#"{{"{member}":[],"#), 1)).unwrap();
        let image = name(&layout, "v1");
        skopeo(&["inspect", &format!("oci:{image}")]).good();
        umoci(&image, directory.path(), member).good();
        let (status, text) = inspect(&layout, "ls", &[], &["v1"]);
        assert!(status == 1 && text.contains("of another kind of document"), "{text}");
    }
}

/// The image `v1` with a history that does not count its layers.
fn with_history(layout: &Layout, history: &[History]) -> build::Image {
    let image = layout.image("v1").unwrap().documents().unwrap();
    let config = image.config().edit(|config| config.history = history.to_vec()).unwrap();
    let manifest = image.manifest().edit(|it| it.config = config.descriptor().clone()).unwrap();
    build::Image::new(manifest, config).unwrap()
}

#[test]
fn a_history_that_counts_wrong_is_taken_by_all_and_right_after_every_edit() {
    oci_testing::needs!(root, "skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let more = directory.path().join("more.tar");
    fs::write(&more, oci_testing::tar::Tar::new().file("etc/more", "more").end()).unwrap();
    let place = format!("oci:{}", name(&layout, "base"));
    for steps in [1, 5] {
        let image = with_history(&layout, &vec![History::new(); steps]);
        layout.put_image(&image).unwrap().tag("odd").unwrap();
        is_read(&layout, "odd");
        for (command, arguments) in [
            ("config", &["--env", "A=b"][..]),
            ("append", &["--layer", more.to_str().unwrap()]),
            ("flatten", &[]),
            ("squash", &["--layers", "2..3"]),
            ("rebase", &["--old-base", &place, "--new-base", &place]),
            ("strip", &["--path", "etc/one"]),
        ] {
            let (status, text) = inspect(&layout, command, arguments, &["odd", command]);
            assert_eq!(status, 0, "{command}: {text}");
            let config = layout.image(command).unwrap().config().unwrap();
            let counted = config.history.iter().filter(|step| step.empty_layer != Some(true));
            assert_eq!(counted.count(), config.rootfs.diff_ids.len(), "{command}");
        }
        // The config is not touched.
        let recompress = ["--compress", "zstd"];
        assert_eq!(inspect(&layout, "recompress", &recompress, &["odd", "recompress"]).0, 0);
        let after = layout.image("recompress").unwrap().config().unwrap();
        assert_eq!(after.bytes(), image.config().bytes());
    }
}

#[test]
fn skopeo_drops_what_is_said_of_a_layer_and_we_what_is_said_of_its_bytes() {
    oci_testing::needs!("skopeo");
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let image = layout.image("v1").unwrap().documents().unwrap();
    let toc = "containerd.io/snapshot/stargz/toc.digest";
    let manifest = image.manifest().edit(|manifest| {
        for key in [toc, "org.example.kept"] {
            manifest.layers[0].annotations.insert(key.into(), "1".into());
        }
    });
    let image = build::Image::new(manifest.unwrap(), image.config().clone()).unwrap();
    layout.put_image(&image).unwrap().tag("lazy").unwrap();
    let copy = directory.path().join("copy");
    let to = format!("dir:{}", copy.display());
    let from = format!("oci:{}", name(&layout, "lazy"));
    skopeo(&["copy", "-q", "--dest-compress", "--dest-compress-format", "zstd", &from, &to]).good();
    let theirs: Value =
        serde_json::from_slice(&fs::read(copy.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(theirs["layers"][0]["annotations"], Value::Null);
    let (status, text) = inspect(&layout, "recompress", &["--compress", "zstd"], &["lazy", "anew"]);
    assert_eq!(status, 0, "{text}");
    let anew = layout.image("anew").unwrap();
    assert_eq!(
        anew.manifest().layers[0].annotations.keys().collect::<Vec<_>>(),
        ["org.example.kept"]
    );
}
