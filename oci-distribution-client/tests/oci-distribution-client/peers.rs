//! Against Debian's `docker-registry`: plain, with a password file, with TLS.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use oci_distribution_client::{Client, Config, Credentials, ErrorKind};
use oci_image::blob::Memory;

use crate::fixture::{Fixture, chain, quick};

struct DockerRegistry {
    child: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{program} {arguments:?}");
}

impl DockerRegistry {
    /// `more` is what its configuration has beside storage and address; `DIR` is its directory.
    fn start(prepare: impl FnOnce(&Path), tls: &str, auth: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        prepare(path);
        let shown = path.display();
        let configuration = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: \
             {{rootdirectory: {shown}/data}}\n  delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:0\n\
             {tls}\n{auth}\n"
        );
        std::fs::write(path.join("config.yml"), configuration.replace("DIR", &shown.to_string()))
            .unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(path.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut registry = Self { child, port: 0, directory };
        let mut log = log.lines().map(Result::unwrap);
        let port = log.by_ref().find_map(|line| {
            let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
            rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
        });
        registry.port = port.expect("docker-registry ended before it listened");
        // It stops when its log is not read.
        std::thread::spawn(move || log.for_each(drop));
        registry
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }
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
#[ignore = "needs docker-registry"]
async fn docker_registry_takes_and_gives_images() {
    let registry = DockerRegistry::start(|_| {}, "", "");
    let config = Config::default().plain_http(registry.host()).retry(quick());
    round_trip(&Client::new(config).unwrap(), &registry.host()).await;
}

#[tokio::test]
#[ignore = "needs docker-registry and htpasswd"]
async fn docker_registry_with_a_password_file_knows_its_user() {
    let prepare = |path: &Path| run(path, "htpasswd", &["-Bbc", "users", "alice", "secret"]);
    let registry =
        DockerRegistry::start(prepare, "", "auth: {htpasswd: {realm: x, path: DIR/users}}");
    let config = Config::default().plain_http(registry.host()).retry(quick());
    let known = config.clone().credentials(registry.host(), Credentials::basic("alice", "secret"));
    round_trip(&Client::new(known).unwrap(), &registry.host()).await;
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
#[ignore = "needs docker-registry and openssl"]
async fn docker_registry_with_tls_is_trusted_only_by_its_certificate() {
    let prepare = |path: &Path| {
        run(
            path,
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                "key.pem",
                "-out",
                "cert.pem",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ],
        );
    };
    let tls = "  tls: {certificate: DIR/cert.pem, key: DIR/key.pem}";
    let registry = DockerRegistry::start(prepare, tls, "");
    let certificate = std::fs::read(registry.directory.path().join("cert.pem")).unwrap();
    let config = Config::default().retry(quick());
    let trusting = config.clone().root_certificate(certificate);
    round_trip(&Client::new(trusting).unwrap(), &registry.host()).await;

    let client = Client::new(config.clone()).unwrap();
    let repository = client.repository(&format!("{}/team/app", registry.host())).unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", chain(&error));
    // And there is no falling back: a plain registry asked by https is an error.
    let plain = DockerRegistry::start(|_| {}, "", "");
    let repository = client.repository(&format!("{}/team/app", plain.host())).unwrap();
    let error = repository.resolve("v1").await.unwrap_err();
    let kinds = [ErrorKind::Tls, ErrorKind::Unreachable];
    assert!(kinds.contains(&error.kind()), "{}", chain(&error));
}
