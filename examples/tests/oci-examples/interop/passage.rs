//! An image on its way through the programs of the field.

use oci_testing::docker_registry::DockerRegistry;

use super::bundle::run_by;
use super::ours::{self, push, repository};
use oci_testing::program::run;
use oci_testing::tree::differences_below;

#[test]
fn an_image_of_ours_is_carried_by_skopeo_unpacked_by_umoci_and_run_by_runc() {
    oci_testing::needs!(root, busybox, "docker-registry", "skopeo", "umoci", "runc");
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let registry = DockerRegistry::start(directory.path(), "").unwrap();
    let layout = ours::image(&place("root"), &place("layout"));
    push(&layout, "v1", &repository(Default::default(), registry.host(), "team/app"));

    let source = format!("docker://{}/team/app:v1", registry.host());
    let copy = format!("{}:v1", place("copy").display());
    run("skopeo", &["copy", "--quiet", "--src-tls-verify=false", &source, &format!("oci:{copy}")])
        .good();
    let bundle = place("bundle");
    run("umoci", &["unpack", "--image", &copy, bundle.to_str().unwrap()]).good();
    let differences = differences_below(&place("root"), &bundle.join("rootfs"));
    assert_eq!(differences, Vec::<String>::new());
    assert_eq!(run_by("runc", &bundle), ours::SAYS);
}
