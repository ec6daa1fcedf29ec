//! Certificates that options name.

use std::process::Command;

use oci_testing::docker_registry::DockerRegistry;
use oci_testing::needs;
use oci_testing::program::run_with;

use crate::images::Field;
use crate::oci_copy;

#[test]
fn a_registry_is_trusted_by_the_certificates_of_its_end() {
    needs!("docker-registry", "openssl");
    let field = Field::new();
    let certificates = field.path("certificates");
    std::fs::create_dir(&certificates).unwrap();
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.pem \
                   -out ca.crt -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let mut openssl = Command::new("openssl");
    run_with(openssl.args(request.split_whitespace()).current_dir(&certificates)).good();
    let shown = certificates.display().to_string();
    let settings = format!("  tls: {{certificate: {shown}/ca.crt, key: {shown}/server.pem}}");
    let registry = DockerRegistry::start(&field.path(""), &settings).unwrap();
    let remote = format!("docker://{}/app:v1", registry.host().replace("127.0.0.1", "localhost"));
    let (from, ca) = (field.name("oci", "layout:v1"), format!("{shown}/ca.crt"));
    for end in [&["--dest-ca", &ca][..], &["--ca", &ca], &["--dest-cert-dir", &shown]] {
        oci_copy(&[end, &[&from, &remote]].concat()).good();
    }
    for end in [&["--src-ca", &ca][..], &["--src-cert-dir", &shown], &[]] {
        oci_copy(&[end, &[&from, &remote]].concat()).bad(1);
    }
    for trusting in [["--ca", &ca], ["--cert-dir", &shown], ["--src-ca", &ca]] {
        oci_copy(&[&trusting[..], &["digest", &remote]].concat()).good();
    }
    // A list names the directory for a registry.
    let (list, host) = (field.path("images.yaml"), remote.trim_start_matches("docker://"));
    let (host, _) = host.split_once('/').unwrap();
    for (directory, code) in [(format!("  cert-dir: {shown}\n"), 0), (String::new(), 1)] {
        std::fs::write(&list, format!("{host}:\n{directory}  images: {{app: [v1]}}\n")).unwrap();
        let synced = oci_copy(&["sync", list.to_str().unwrap(), &field.name("dir", "synced")]);
        assert_eq!(synced.code, Some(code), "{}", synced.errors);
    }
    oci_copy(&["--ca", "/nonexistent", "digest", &remote]).bad(1);
}
