//! The entry that skopeo takes of an index, as an oracle of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::platform::choice::{Choice, Step};
use oci_image::{
    Config, Descriptor, Document, Index, LayoutFile, Manifest, MediaType, Platform, RootFs, json,
};

/// A layout in a directory that is removed in the end.
struct Layout(PathBuf);

impl Drop for Layout {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

impl Layout {
    fn new(index: &Index) -> Self {
        let layout = Self(std::env::temp_dir().join(format!("oci-image-{}", std::process::id())));
        fs::create_dir_all(layout.0.join("blobs/sha256")).unwrap();
        let version = json::to_vec(&LayoutFile::new()).unwrap();
        fs::write(layout.0.join("oci-layout"), version).unwrap();
        fs::write(layout.0.join("index.json"), json::to_vec(index).unwrap()).unwrap();
        layout
    }

    fn put(&self, descriptor: &Descriptor, bytes: &[u8]) {
        fs::write(self.0.join("blobs/sha256").join(descriptor.digest.encoded()), bytes).unwrap();
    }
}

/// An image whose config says by its author which it is.
fn image(platform: &str) -> (Document<Config>, Document<Manifest>) {
    let wanted: Platform = platform.parse().unwrap();
    let mut config = Config::new(wanted.architecture, wanted.os, RootFs::new());
    config.variant = wanted.variant;
    config.author = Some(platform.into());
    let config = Document::new(config).unwrap();
    let mut manifest = Manifest::new(config.descriptor().clone());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    (config, Document::new(manifest).unwrap())
}

fn skopeo(layout: &Path, platform: &Platform) -> Option<String> {
    let mut command = Command::new("skopeo");
    command.args(["--override-os", platform.os.as_str()]);
    command.args(["--override-arch", platform.architecture.as_str()]);
    if let Some(variant) = &platform.variant {
        command.args(["--override-variant", variant]);
    }
    let output = command
        .args(["inspect", "--config", &format!("oci:{}", layout.display())])
        .output()
        .unwrap();
    let config: Option<Config> = json::from_slice(&output.stdout).ok();
    config.and_then(|config| config.author)
}

// covers: IMG-IDX-15
#[test]
fn skopeo_takes_the_same_entry() {
    oci_testing::needs!("skopeo");
    let offered = [
        "linux/s390x",
        "windows/amd64",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/amd64",
        "linux/arm64/v8",
        "linux/ppc64le",
        "linux/arm/v5",
    ];
    let images: Vec<_> = offered.iter().map(|platform| image(platform)).collect();
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    for (platform, (_, manifest)) in offered.iter().zip(&images) {
        let mut entry = manifest.descriptor().clone();
        entry.platform = Some(platform.parse().unwrap());
        index.manifests.push(entry);
    }
    let index = Document::new(index).unwrap();
    let mut outer = Index::new();
    outer.manifests.push(index.descriptor().clone());
    let layout = Layout::new(&outer);
    layout.put(index.descriptor(), index.bytes());
    for (config, manifest) in &images {
        layout.put(config.descriptor(), config.bytes());
        layout.put(manifest.descriptor(), manifest.bytes());
    }

    for machine in [
        "linux/amd64",
        "linux/arm64",
        "linux/arm64/v8",
        "linux/arm/v5",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm/v8",
        "linux/s390x",
        "linux/ppc64le",
        "linux/riscv64",
        "windows/amd64",
        "freebsd/amd64",
    ] {
        let machine: Platform = machine.parse().unwrap();
        let chosen = Choice::new(&machine, &index.manifests).next_step().ok();
        let ours = chosen.map(|step| {
            let Step::Chosen(entry) = step else { panic!("all platforms are stated: {step:?}") };
            let chosen = images.iter().find(|(_, image)| image.descriptor().digest == entry.digest);
            chosen.unwrap().0.author.clone().unwrap()
        });
        assert_eq!(ours, skopeo(&layout.0, &machine), "{machine}");
    }
}
