//! Against Debian's `docker-registry`: plain, with a password file, with TLS and certificates of clients.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Tls};
use oci_image::Descriptor;
use oci_image::blob::Memory;
use oci_image::docker::Format;
use oci_testing::docker_registry::DockerRegistry;
use oci_testing::program::run_with;

use crate::fixture::{Fixture, chain, quick};
use crate::secure::Authority;

/// Runs a program in a directory.
fn run(directory: &Path, program: &str, arguments: &[&str]) {
    run_with(Command::new(program).args(arguments).current_dir(directory)).good();
}

/// Pushes, pulls, copies, lists and deletes.
pub(crate) async fn round_trip(client: &Client, host: &str) {
    let fixture = Fixture::new();
    let app = client.repository(&format!("{host}/team/app")).unwrap();
    let other = client.repository(&format!("{host}/team/other")).unwrap();
    for (repository, chunk) in [(&app, None), (&other, Some(1 << 20))] {
        let push = repository.push(&fixture.blobs, fixture.index.descriptor()).tag("v1");
        let push = match chunk {
            Some(chunk) => push.chunks(chunk),
            None => push,
        };
        push.await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let image = repository.resolve("v1").await.unwrap();
        assert_eq!(image.descriptor(), fixture.index.descriptor());
        let store = Arc::new(Memory::new());
        repository.pull(&image, &store).await.unwrap();
        assert_eq!(store.digests(), fixture.blobs.digests());
        assert_eq!(repository.tags().await.unwrap(), ["v1"]);
    }
    let third = client.repository(&format!("{host}/team/third")).unwrap();
    let copied = app.copy_to(&third, fixture.index.descriptor()).tag("v1").await.unwrap();
    assert_eq!((copied.mounted, copied.moved), (6, 3));
    third.delete_manifest(&fixture.index.descriptor().digest).await.unwrap();
    assert_eq!(third.resolve("v1").await.unwrap_err().kind(), ErrorKind::NotFound);
    let referrers = app.referrers(&fixture.index.descriptor().digest, None).await.unwrap();
    assert_eq!(referrers, []);
}

#[tokio::test]
async fn docker_registry_takes_and_gives_images() {
    oci_testing::needs!("docker-registry");
    let directory = oci_testing::directory();
    let registry = DockerRegistry::start(directory.path(), "").unwrap();
    let config = Config::default().plain_http(registry.host()).retry(quick());
    round_trip(&Client::new(config).unwrap(), registry.host()).await;
}

#[tokio::test]
async fn docker_registry_with_a_password_file_knows_its_user() {
    oci_testing::needs!("docker-registry", "htpasswd");
    let directory = oci_testing::directory();
    let path = directory.path();
    run(path, "htpasswd", &["-Bbc", "users", "alice", "secret"]);
    let auth = format!("auth: {{htpasswd: {{realm: x, path: {}/users}}}}", path.display());
    let registry = DockerRegistry::start(path, &auth).unwrap();
    let config = Config::default().plain_http(registry.host()).retry(quick());
    let known = config.clone().credentials(registry.host(), Credentials::basic("alice", "secret"));
    round_trip(&Client::new(known).unwrap(), registry.host()).await;
    for config in
        [config.clone(), config.credentials(registry.host(), Credentials::basic("alice", "wrong"))]
    {
        let client = Client::new(config).unwrap();
        let repository = client.repository(&format!("{}/team/app", registry.host())).unwrap();
        let error = repository.resolve("v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", chain(&error));
    }
}

#[tokio::test]
async fn docker_registry_with_tls_is_trusted_only_by_its_certificate() {
    oci_testing::needs!("docker-registry", "openssl");
    let directory = oci_testing::directory();
    let path = directory.path();
    let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let files = ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2"];
    let constraints = ["-addext", "basicConstraints=critical,CA:FALSE"];
    run(path, "openssl", &[&request[..], &files, &subject, &constraints].concat());
    let shown = path.display();
    let tls = format!("  tls: {{certificate: {shown}/cert.pem, key: {shown}/key.pem}}");
    let registry = DockerRegistry::start(path, &tls).unwrap();
    // The name of the certificate.
    let host = registry.host().replace("127.0.0.1", "localhost");
    let certificate = std::fs::read(path.join("cert.pem")).unwrap();
    let config = Config::default().retry(quick());
    let trusting = config.clone().tls(&host, Tls::new().root_certificate(certificate));
    round_trip(&Client::new(trusting).unwrap(), &host).await;
    // The name of another certificate.
    let address = registry.host();
    let careless = config.clone().tls(address, Tls::new().danger_accept_any_certificate());
    Client::new(careless).unwrap().check(address).await.unwrap();

    let client = Client::new(config.clone()).unwrap();
    let repository = client.repository(&format!("{host}/team/app")).unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", chain(&error));
    // And there is no falling back: a plain registry asked by https is an error.
    let other = oci_testing::directory();
    let plain = DockerRegistry::start(other.path(), "").unwrap();
    let repository = client.repository(&format!("{}/team/app", plain.host())).unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    let kinds = [ErrorKind::Tls, ErrorKind::Unreachable];
    assert!(kinds.contains(&error.kind()), "{}", chain(&error));
}

#[tokio::test]
async fn docker_registry_lets_in_clients_with_certificates_of_its_authority() {
    oci_testing::needs!("docker-registry");
    let directory = oci_testing::directory();
    let path = directory.path();
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let server = servers.issue("server", &["localhost"]);
    let certificate = format!("{}{}", server.certificate, servers.pem);
    for (name, text) in
        [("cert.pem", &certificate), ("key.pem", &server.key), ("clients.pem", &clients.pem)]
    {
        std::fs::write(path.join(name), text).unwrap();
    }
    let shown = path.display();
    let tls = format!(
        "  tls: {{certificate: {shown}/cert.pem, key: {shown}/key.pem, clientcas: [{shown}/clients.pem]}}"
    );
    let registry = DockerRegistry::start(path, &tls).unwrap();
    let host = registry.host().replace("127.0.0.1", "localhost");
    let trusting = Tls::new().root_certificate(&*servers.pem);
    let client = |tls| Client::new(Config::default().retry(quick()).tls(&host, tls)).unwrap();
    let pair = clients.issue("alice", &[]);
    let known = trusting.clone().client_certificate(&*pair.certificate, &*pair.key);
    round_trip(&client(known), &host).await;

    let stranger = servers.issue("mallory", &[]);
    let stranger = trusting.clone().client_certificate(&*stranger.certificate, &*stranger.key);
    for tls in [trusting, stranger] {
        let client = client(tls);
        let mut error = client.check(&host).await.unwrap_err();
        // The server's alert is lost where the kernel resets the connection, as data has arrived after the end.
        for _ in 0..20 {
            if error.kind() == ErrorKind::Tls {
                break;
            }
            assert_eq!(error.kind(), ErrorKind::Transport, "{}", chain(&error));
            error = client.check(&host).await.unwrap_err();
        }
        assert_eq!(error.kind(), ErrorKind::Tls, "{}", chain(&error));
    }
}

#[tokio::test]
async fn skopeo_takes_a_part_of_an_index_and_what_is_converted() {
    oci_testing::needs!("docker-registry", "skopeo");
    let directory = oci_testing::directory();
    let registry = DockerRegistry::start(directory.path(), "").unwrap();
    let config = Config::default().plain_http(registry.host()).retry(quick());
    let client = Client::new(config).unwrap();
    let app = client.repository(&format!("{}/team/app", registry.host())).unwrap();
    let (fixture, arm64) = (Fixture::new(), "linux/arm64".parse().unwrap());
    let push = || app.push(&fixture.blobs, fixture.index.descriptor());
    let part = push().platforms([arm64]).tag("part").await.unwrap();
    let docker = push().format(Format::Docker).tag("docker").await.unwrap();
    for (tag, image, files) in [("part", part.image, 7), ("docker", docker.image, 10)] {
        let (from, to) = (format!("docker://{app}:{tag}"), format!("dir:{tag}"));
        let arguments = ["copy", "--all", "--src-tls-verify=false", &from, &to];
        run(directory.path(), "skopeo", &arguments);
        let copied = directory.path().join(tag);
        let manifest = std::fs::read(copied.join("manifest.json")).unwrap();
        assert_eq!(Descriptor::of(image.media_type.clone(), manifest), image);
        // The blobs, the manifests, and the file `version`.
        assert_eq!(std::fs::read_dir(copied).unwrap().count(), files);
    }
}
