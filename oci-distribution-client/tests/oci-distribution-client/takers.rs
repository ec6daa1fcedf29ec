//! skopeo, podman, buildah and containerd take what was pushed.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use oci_distribution_client::{Client, Config};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::build::{Builder, assemble};
use oci_image::docker::Format;
use oci_image::layer::Compression;
use oci_image::{AnyDocument, Descriptor, Digest, Platform};
use oci_rootfs::{PackOptions, pack};
use oci_testing::containerd::Containerd;
use oci_testing::docker_registry::DockerRegistry;
use oci_testing::program::{Done, run_with};

use crate::fixture::quick;

/// An image in OCI's and in Docker's format, and an index of it, in a registry.
struct Pushed {
    registry: DockerRegistry,
    /// Each tag, and the manifest for this machine.
    tags: Vec<(&'static str, Descriptor)>,
    config: Digest,
}

impl Pushed {
    async fn new(directory: &Path) -> Self {
        let registry = DockerRegistry::start(directory, "").unwrap();
        let config = Config::default().plain_http(registry.host()).retry(quick());
        let app = Client::new(config).unwrap().repository(&format!("{}/team/app", registry.host()));
        let (app, blobs) = (app.unwrap(), Arc::new(Memory::new()));
        let mut builder = Builder::new(&Platform::host());
        for (name, compression) in [("plain", Compression::none()), ("gzip", Compression::gzip())] {
            let tree = oci_testing::directory();
            std::fs::write(tree.path().join(name), name).unwrap();
            let mut options = PackOptions::default();
            options.compression = compression;
            builder = builder.layer(pack(tree.path(), &blobs, &options).unwrap());
        }
        let built = builder.build().unwrap();
        let image = blobs.put_image_from(&built, &blobs).unwrap();
        let index = AnyDocument::Index(assemble([image.clone()]).unwrap());
        blobs.put(index.descriptor(), index.bytes()).unwrap();
        app.push(&blobs, index.descriptor()).tag("index").await.unwrap();
        app.push(&blobs, &image).tag("oci").await.unwrap();
        let docker = app.push(&blobs, &image).format(Format::Docker).tag("docker").await.unwrap();
        let tags = vec![("index", image.clone()), ("oci", image), ("docker", docker.image)];
        Self { registry, tags, config: built.config().descriptor().digest.clone() }
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/team/app:{tag}", self.registry.host())
    }
}

/// Runs a program that keeps all its files in a directory.
fn run(home: &Path, program: &str, arguments: &[&str]) -> Done {
    let mut command = Command::new(program);
    for variable in ["HOME", "XDG_RUNTIME_DIR", "TMPDIR"] {
        command.env(variable, home);
    }
    run_with(command.current_dir(home).args(arguments))
}

#[tokio::test]
async fn skopeo_copies_what_was_pushed() {
    oci_testing::needs!("docker-registry", "skopeo");
    let directory = oci_testing::directory();
    let pushed = Pushed::new(directory.path()).await;
    for (tag, image) in &pushed.tags {
        let (from, to) = (format!("docker://{}", pushed.name(tag)), format!("dir:{tag}"));
        let copy = ["copy", "--src-tls-verify=false", &from, &to];
        run(directory.path(), "skopeo", &copy).good();
        let manifest = std::fs::read(directory.path().join(tag).join("manifest.json")).unwrap();
        assert_eq!(Digest::sha256(manifest), image.digest, "{tag}");
    }
}

#[tokio::test]
async fn podman_and_buildah_pull_what_was_pushed() {
    oci_testing::needs!(root, "docker-registry", "podman", "buildah");
    let directory = oci_testing::directory();
    let pushed = Pushed::new(directory.path()).await;
    for program in ["podman", "buildah"] {
        for (tag, _) in &pushed.tags {
            let home = oci_testing::directory();
            let name = format!("docker://{}", pushed.name(tag));
            let store = ["--root", "root", "--runroot", "run", "--storage-driver", "vfs"];
            let pull = ["pull", "-q", "--tls-verify=false", &name];
            let pulled = run(home.path(), program, &[&store[..], &pull].concat()).good();
            assert_eq!(pulled.trim(), pushed.config.encoded(), "{program}: {tag}");
        }
    }
}

#[tokio::test]
async fn containerd_pulls_what_was_pushed() {
    oci_testing::needs!(root, "docker-registry", "containerd", "ctr");
    let directory = oci_testing::directory();
    let pushed = Pushed::new(directory.path()).await;
    let containerd = Containerd::start(directory.path());
    for (tag, _) in &pushed.tags {
        let name = pushed.name(tag);
        containerd.images(&["pull", "--plain-http", "--snapshotter", "native", &name]).good();
        let listed = containerd
            .images(&["check", "--snapshotter", "native", &format!("name=={name}")])
            .good();
        assert!(listed.contains("complete"), "{tag}: {listed}");
    }
}
