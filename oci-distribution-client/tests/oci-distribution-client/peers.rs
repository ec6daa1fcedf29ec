//! Against Debian's `docker-registry`: plain, with a password file, with TLS, behind nginx.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Tls};
use oci_image::Descriptor;
use oci_image::blob::Memory;
use oci_image::docker::Format;
use oci_testing::docker_registry::DockerRegistry;
use oci_testing::program::run_with;

use crate::fixture::{Fixture, chain, quick};
use crate::secure::{Authority, Pair};

/// Runs a program in a directory.
fn run(directory: &Path, program: &str, arguments: &[&str]) {
    run_with(Command::new(program).args(arguments).current_dir(directory)).good();
}

async fn round_trip(client: &Client, host: &str) {
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

/// nginx before a registry, at `localhost` with TLS, which closes each connection after three requests.
struct Nginx {
    child: Child,
    host: String,
    log: PathBuf,
}

impl Nginx {
    fn start(directory: &Path, pair: &Pair, registry: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        std::fs::write(directory.join("certificate.pem"), &pair.certificate).unwrap();
        std::fs::write(directory.join("key.pem"), &pair.key).unwrap();
        let shown = directory.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {shown}/{name};")).concat();
        let config = format!(
            "daemon off; master_process off; pid {shown}/pid; error_log {shown}/errors; events {{}} \
             http {{ log_format seen '$server_protocol $connection'; access_log {shown}/log seen; \
             {temporary} keepalive_requests 3; client_max_body_size 0; \
             server {{ listen 127.0.0.1:{port} ssl http2; \
             ssl_certificate {shown}/certificate.pem; ssl_certificate_key {shown}/key.pem; \
             location / {{ proxy_pass http://{registry}; proxy_set_header Host $http_host; \
             proxy_set_header X-Forwarded-Proto https; }} }} }}"
        );
        let path = directory.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let mut nginx = Command::new("nginx");
        let child = nginx.arg("-e").arg(directory.join("errors")).arg("-c").arg(path).spawn();
        let log = directory.join("log");
        Self { child: child.unwrap(), host: format!("localhost:{port}"), log }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn connections_that_nginx_closes_after_three_requests_by_http_2_fail_nothing() {
    oci_testing::needs!("docker-registry", "nginx");
    let (directory, store) = (oci_testing::directory(), oci_testing::directory());
    let authority = Authority::new("authority");
    let pair = authority.issue("server", &["localhost"]);
    let registry = DockerRegistry::start(store.path(), "").unwrap();
    let nginx = Nginx::start(directory.path(), &pair, registry.host());
    let config = Config::default().tls(&nginx.host, Tls::new().root_certificate(&*authority.pem));
    let mut patient = quick();
    // Until it listens.
    patient.attempts = 1_000;
    let client = Client::new(config.clone().retry(patient)).unwrap();
    client.check(&nginx.host).await.unwrap();

    let client = Client::new(config.retry(quick())).unwrap();
    let fixture = Fixture::new();
    for name in ["one", "two", "three", "four"] {
        let app = client.repository(&format!("{}/team/{name}", nginx.host)).unwrap();
        let push = app.push(&fixture.blobs, fixture.index.descriptor()).tag("v1");
        push.await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let (image, store) = (app.resolve("v1").await.unwrap(), Arc::new(Memory::new()));
        app.pull(&image, &store).await.unwrap();
        assert_eq!(store.digests(), fixture.blobs.digests());
    }
    let log = std::fs::read_to_string(&nginx.log).unwrap();
    let connections: BTreeSet<_> = log.lines().collect();
    assert!(log.lines().all(|line| line.starts_with("HTTP/2.0 ")), "{log}");
    assert!(connections.len() > 10, "{log}");
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
