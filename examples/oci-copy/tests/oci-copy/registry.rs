use oci_testing::docker_registry::DockerRegistry;
use oci_testing::needs;
use oci_testing::program::run;

use crate::images::{Field, tagged};
use crate::oci_copy;

#[test]
fn an_image_goes_to_a_registry_on_to_another_repository_and_back() {
    needs!("docker-registry", "skopeo");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let remote = |name: &str| format!("docker://{}/{name}", registry.host());
    let copy = |options: &[&str]| oci_copy(&[&["--plain-http"], options].concat());
    let printed = format!("{}\n", field.index);

    let from = field.name("oci", "layout:v1");
    assert_eq!(copy(&["--all", &from, &remote("app:v1")]).good(), printed);
    assert_eq!(copy(&["--all", &remote("app:v1"), &remote("other/app:v2")]).good(), printed);
    let by_digest = remote(&format!("other/app@{}", field.index));
    assert_eq!(copy(&["--all", &by_digest, &field.name("oci", "back:v3")]).good(), printed);
    assert_eq!(tagged(&field.path("back"), "v3"), field.index);
    assert_eq!(
        copy(&[&remote("app:v1"), &field.name("oci-archive", "a.tar:v1")]).good(),
        format!("{}\n", field.host)
    );
    // What has another digest than the name is not put there.
    copy(&[&from, &by_digest]).bad(1);

    // skopeo reads it as we do.
    let inspect = ["inspect", "--tls-verify=false", "--raw", &remote("other/app:v2")];
    assert_eq!(
        run("skopeo", &inspect).good(),
        copy(&["--all", "inspect", &remote("app:v1")]).good()
    );
    let to = format!("dir:{}", field.path("dir").display());
    run("skopeo", &["copy", "-q", "--all", "--src-tls-verify=false", &remote("app:v1"), &to])
        .good();

    // An end has its own options, before those for both.
    let to = field.name("dir", "unverified");
    let unverified = ["--src-tls-verify=false", "--tls-verify", "--all", &remote("app:v1"), &to];
    assert_eq!(oci_copy(&unverified).good(), printed);
    oci_copy(&["--dest-tls-verify=false", "--all", &remote("app:v1"), &to]).bad(1);
    oci_copy(&["--src-jobs", "1", &remote("app:v1"), &to]).bad(2);

    assert_eq!(copy(&["tags", &remote("app")]).good(), "v1\n");
    assert_eq!(copy(&["referrers", &remote("app:v1")]).good(), "");
    copy(&["delete", &remote("app")]).bad(1);
    copy(&["delete", &remote(&format!("app@{}", field.index))]).good();
    let gone = copy(&["digest", &remote("app:v1")]).bad(1);
    assert!(gone.contains("app"), "{gone}");
}
