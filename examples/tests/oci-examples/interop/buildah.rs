//! An image of buildah by way of a registry of ours.

use std::process::Command;

use oci_image::images::Images;
use oci_registry::Store;
use oci_rootfs::unpack_bundle;

use super::bundle::{run_by_us, write_config};
use super::ours::{self, pull, repository};
use oci_testing::program::{Done, run, run_with};
use oci_testing::tree::differences_below;

#[test]
fn an_image_of_buildah_comes_out_of_our_registry_as_it_went_in() {
    oci_testing::needs!(root, busybox, "tar", "buildah", "skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let text = |name: &str| place(name).display().to_string();
    let program = tokio::runtime::Runtime::new().unwrap();
    let serve = oci_registry::serve(Store::directory(place("store")).unwrap());
    let server = program.block_on(serve.bind("127.0.0.1:0")).unwrap();
    let host = server.address().to_string();
    let name = format!("docker://{host}/team/built:v1");

    ours::fill(&place("root"));
    run("tar", &["--xattrs", "-C", &text("root"), "-cf", &text("root.tar"), "."]).good();
    let buildah = |arguments: &[&str]| -> Done {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(place("storage")).arg("--runroot").arg(place("run"));
        run_with(command.arg("--storage-driver=vfs").args(arguments))
    };
    let container = buildah(&["from", "scratch"]).good();
    let container = container.trim();
    buildah(&["add", container, &text("root.tar"), "/"]).good();
    let command = serde_json::json!(ours::command()).to_string();
    buildah(&["config", "--env=PATH=/bin", "--cmd", &command, container]).good();
    buildah(&["commit", "--quiet", "--tls-verify=false", container, &name]).good();

    let theirs = format!("{}:v1", text("theirs"));
    let copy = ["copy", "--quiet", "--src-tls-verify=false", &name, &format!("oci:{theirs}")];
    run("skopeo", &copy).good();
    let layout = pull(&repository(Default::default(), &host, "team/built"), "v1", &place("ours"));
    let image = layout.resolve("v1").unwrap();
    let copied = oci_layout::Layout::open(place("theirs")).unwrap();
    assert_eq!(copied.resolve("v1").unwrap().digest, image.digest);
    assert_eq!(ours::digests(&copied, &image), ours::digests(&layout, &image));

    run("umoci", &["unpack", "--image", &theirs, &text("unpacked")]).good();
    let image = layout.image("v1").unwrap();
    let bundle = place("bundle");
    let bundle =
        unpack_bundle(image.source(), image.manifest(), bundle, &Default::default()).unwrap();
    let differences = differences_below(&place("unpacked/rootfs"), &place("bundle/rootfs"));
    assert_eq!(differences, Vec::<String>::new());
    write_config(bundle.config(), bundle.path());
    assert_eq!(run_by_us(bundle.path()), ours::SAYS);
    program.block_on(server.stop());
}
