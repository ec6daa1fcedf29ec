use std::fs;

use oci_testing::docker_registry::DockerRegistry;
use oci_testing::needs;

use crate::images::Field;
use crate::oci_copy;

#[test]
fn files_are_pushed_attached_and_pulled_as_artifacts() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let remote = |name: &str| format!("docker://{}/{name}", registry.host());
    let copy = |words: &[&str]| oci_copy(&[&["--plain-http"], words].concat());
    copy(&["--all", &field.name("oci", "layout:v1"), &remote("app:v1")]).good();
    let [model, card] = ["model.bin", "card.md"].map(|name| field.path(name));
    fs::write(&model, [7; 1000]).unwrap();
    fs::write(&card, "# card").unwrap();
    let (model, card) = (model.to_str().unwrap(), format!("{}:text/markdown", card.display()));

    let push = ["push-artifact", "--type", "application/vnd.example.model", "--subject", "v1"];
    let pushed = copy(&[&push[..], &[&remote("app:model"), model, &card]].concat()).good();
    assert_eq!(copy(&["digest", &remote("app:model")]).good(), pushed);
    let referrers = copy(&["referrers", &remote("app:v1")]).good();
    assert!(referrers.starts_with(pushed.trim()), "{referrers}");
    assert!(copy(&["inspect", &remote("app:model")]).good().contains("text/markdown"));

    let to = field.path("pulled");
    let pulled = copy(&["pull-artifact", &remote("app:model"), to.to_str().unwrap()]).good();
    assert_eq!(pulled, "model.bin\ncard.md\n");
    assert_eq!(fs::read(to.join("model.bin")).unwrap(), [7; 1000]);
    assert_eq!(fs::read(to.join("card.md")).unwrap(), b"# card");
    copy(&["pull-artifact", &remote("app:v1"), to.to_str().unwrap()]).bad(1);
    copy(&["push-artifact", &remote("app:none"), "/nonexistent"]).bad(1);
    copy(&["push-artifact", &remote("app:none")]).bad(2);
    copy(&["--type", "x/y", "tags", &remote("app")]).bad(2);
    for name in [&remote(""), registry.host()] {
        assert_eq!(copy(&["catalog", name]).good(), "app\n");
    }
    assert_eq!(copy(&["catalog", &remote("app")]).bad(1).lines().count(), 1);
}

#[test]
fn files_of_the_machine_say_how_and_what() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let host = registry.host();
    let remote = format!("docker://{host}/app:v1");
    oci_copy(&["--plain-http", &field.name("oci", "layout:v1"), &remote]).good();
    let file = |name: &str, text: &str| {
        fs::write(field.path(name), text).unwrap();
        field.path(name).display().to_string()
    };

    let conf = format!(
        "[[registry]]\nlocation = \"mirrored.example\"\n[[registry.mirror]]\nlocation = \"{host}\"\n\
         insecure = true\n[[registry]]\nlocation = \"blocked.example\"\nblocked = true\n"
    );
    let conf = file("registries.conf", &conf);
    let digest = |name: &str| oci_copy(&["--registries-conf", &conf, "digest", name]);
    assert_eq!(digest("docker://mirrored.example/app:v1").good(), format!("{}\n", field.host));
    assert!(digest("docker://blocked.example/app:v1").bad(1).contains("blocked"));

    let reject = file("reject.json", r#"{"default": [{"type": "reject"}]}"#);
    oci_copy(&["--plain-http", "--policy", &reject, "digest", &remote]).bad(1);
    oci_copy(&["--plain-http", "--insecure-policy", "digest", &remote]).good();
    oci_copy(&["--plain-http", "--cert-dir", "/nonexistent", "digest", &remote]).bad(1);
}
