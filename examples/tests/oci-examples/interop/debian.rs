//! A Debian root filesystem as an image, made by the tools of the field.

use std::fs::File;
use std::path::{Path, PathBuf};

use oci_image::images::Images;
use oci_rootfs::unpack_bundle;
use oci_testing::docker_registry::DockerRegistry;

use super::bundle::{run_by_us, write_config};
use super::ours::{pull, repository};
use oci_testing::program::run;
use oci_testing::tree::differences;

/// The archive of a minimal Debian, made once and kept.
pub(crate) fn archive() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let archive = directory.join("debian.tar");
    let lock = File::create(directory.join("debian.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    if !archive.exists() {
        let new = directory.join("debian-new.tar");
        let path = new.to_str().unwrap();
        run("mmdebstrap", &["--variant=minbase", "--quiet", "bookworm", path]).good();
        std::fs::rename(new, &archive).unwrap();
    }
    archive
}

/// Makes `LAYOUT:latest` an image of it by umoci.
pub(crate) fn by_umoci(layout: &str) {
    let image = format!("{layout}:latest");
    run("umoci", &["init", "--layout", layout]).good();
    run("umoci", &["new", "--image", &image]).good();
    run("umoci", &["raw", "add-layer", "--image", &image, archive().to_str().unwrap()]).good();
    run("umoci", &["config", "--image", &image, "--config.cmd", "/bin/bash"]).good();
}

const SCRIPT: &str = "cat /etc/os-release; dpkg -l | wc -l";

/// It is Debian, and has more packages than a few.
fn assert_debian(output: &str) {
    assert!(output.contains("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"), "{output}");
    let count: u32 = output.lines().last().unwrap().trim().parse().unwrap();
    assert!(count > 50, "{output}");
}

#[test]
fn a_debian_of_umoci_and_skopeo_is_pulled_unpacked_and_run_by_us() {
    oci_testing::needs!(root, "mmdebstrap", "umoci", "skopeo", "docker-registry");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let text = |name: &str| place(name).to_str().unwrap().to_owned();
    by_umoci(&text("theirs"));
    let registry = DockerRegistry::start(directory.path(), "").unwrap();
    let name = format!("docker://{}/debian:latest", registry.host());
    let source = format!("oci:{}:latest", text("theirs"));
    run("skopeo", &["copy", "--quiet", "--dest-tls-verify=false", &source, &name]).good();

    let layout =
        pull(&repository(Default::default(), registry.host(), "debian"), "latest", &place("ours"));
    let image = layout.image("latest").unwrap();
    let bundle = place("bundle");
    let bundle =
        unpack_bundle(image.source(), image.manifest(), bundle, &Default::default()).unwrap();
    run("umoci", &["unpack", "--keep-dirlinks", "--image", &source[4..], &text("unpacked")]).good();
    let differences = differences(&place("bundle/rootfs"), &place("unpacked/rootfs"));
    let first: Vec<_> = differences.iter().take(9).collect();
    assert!(first.is_empty(), "{} paths differ: {first:#?}", differences.len());

    let mut config = (**bundle.config()).clone();
    let command = ["/bin/sh", "-c", SCRIPT].map(String::from);
    config.config.get_or_insert_default().cmd = command.to_vec();
    write_config(&config, bundle.path());
    assert_debian(&run_by_us(bundle.path()));

    let quickstart = [&name, "--plain-http", "--", "/bin/sh", "-c", SCRIPT];
    assert_debian(&run(env!("CARGO_BIN_EXE_quickstart"), &quickstart).good());
}
