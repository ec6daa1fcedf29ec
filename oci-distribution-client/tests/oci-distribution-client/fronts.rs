//! Against `docker-registry` behind nginx, which refuses, cuts, buffers or does not, and closes connections.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oci_distribution_client::{Client, Config, Tls};
use oci_image::blob::Memory;
use oci_testing::docker_registry::DockerRegistry;

use crate::cuts::{Breaking, Way};
use crate::fixture::{Fixture, chain, quick};
use crate::secure::Authority;

/// nginx before a server, at `localhost` with TLS and HTTP/2.
struct Nginx {
    child: Child,
    host: String,
    log: PathBuf,
    authority: Authority,
}

/// Lines of its configuration: of all servers, and of this one.
#[derive(Clone, Copy, Default)]
struct Settings<'a> {
    all: &'a str,
    server: &'a str,
}

impl Nginx {
    fn start(directory: &Path, before: &str, Settings { all, server }: Settings<'_>) -> Self {
        let authority = Authority::new("authority");
        let pair = authority.issue("server", &["localhost"]);
        std::fs::write(directory.join("certificate.pem"), &pair.certificate).unwrap();
        std::fs::write(directory.join("key.pem"), &pair.key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let shown = directory.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {shown}/{name};")).concat();
        let config = format!(
            "daemon off; master_process off; pid {shown}/pid; error_log {shown}/errors; events {{}} \
             http {{ log_format seen '$server_protocol $connection $status'; access_log {shown}/log seen; \
             {temporary} client_max_body_size 0; {all} \
             server {{ listen 127.0.0.1:{port} ssl http2; \
             ssl_certificate {shown}/certificate.pem; ssl_certificate_key {shown}/key.pem; {server} \
             location / {{ proxy_pass http://{before}; proxy_set_header Host $http_host; \
             proxy_set_header X-Forwarded-Proto https; }} }} }}"
        );
        let path = directory.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let mut nginx = Command::new("nginx");
        let child = nginx.arg("-e").arg(directory.join("errors")).arg("-c").arg(path).spawn();
        let (host, log) = (format!("localhost:{port}"), directory.join("log"));
        let mut nginx = Self { child: child.unwrap(), host, log, authority };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx ended");
            std::thread::yield_now();
        }
        nginx
    }

    fn client(&self) -> Client {
        let tls = Tls::new().root_certificate(&*self.authority.pem);
        Client::new(Config::default().retry(quick()).tls(&self.host, tls)).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// How many answers had this status.
    fn answers(&self, status: &str) -> usize {
        self.log().lines().filter(|line| line.ends_with(status)).count()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pushes the index, in chunks of so many bytes if there is a number, and pulls it.
async fn round_trip(nginx: &Nginx, name: &str, chunk: Option<u64>) {
    let fixture = Fixture::new();
    let app = nginx.client().repository(&format!("{}/{name}", nginx.host)).unwrap();
    let push = app.push(&fixture.blobs, fixture.index.descriptor()).tag("v1");
    let push = match chunk {
        Some(chunk) => push.chunks(chunk),
        None => push,
    };
    push.await.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
    let (image, store) = (app.resolve("v1").await.unwrap(), Arc::new(Memory::new()));
    let pulled = app.pull(&image, &store).await;
    pulled.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
    assert_eq!(store.digests(), fixture.blobs.digests(), "{name}");
}

#[tokio::test]
async fn connections_that_end_after_three_requests_by_http_2_fail_nothing() {
    oci_testing::needs!("docker-registry", "nginx");
    let (directory, store) = (oci_testing::directory(), oci_testing::directory());
    let registry = DockerRegistry::start(store.path(), "").unwrap();
    let settings = Settings { all: "keepalive_requests 3;", ..Settings::default() };
    let nginx = Nginx::start(directory.path(), registry.host(), settings);
    for name in ["one", "two", "three", "four"] {
        round_trip(&nginx, name, None).await;
    }
    let log = nginx.log();
    let connections: BTreeSet<_> =
        log.lines().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    assert!(log.lines().all(|line| line.starts_with("HTTP/2.0 ")), "{log}");
    assert!(connections.len() > 10, "{log}");
}

#[tokio::test]
async fn what_is_refused_as_too_many_requests_is_asked_for_later() {
    oci_testing::needs!("docker-registry", "nginx");
    let store = oci_testing::directory();
    let registry = DockerRegistry::start(store.path(), "").unwrap();
    // By the number of the request on its connection.
    for (name, which, header) in [
        ("without", "~[37]$", ""),
        ("with", "6", "add_header Retry-After 1 always;"),
        ("now", "~[37]$", "add_header Retry-After 0 always;"),
    ] {
        let directory = oci_testing::directory();
        let all = format!("map $connection_requests $refused {{ default 0; {which} 1; }}");
        let server = format!("{header} if ($refused) {{ return 429; }}");
        let settings = Settings { all: &all, server: &server };
        let nginx = Nginx::start(directory.path(), registry.host(), settings);
        let start = Instant::now();
        round_trip(&nginx, name, None).await;
        assert!(nginx.answers("429") > 0, "{name}: {}", nginx.log());
        let waits = if name == "with" { Duration::from_secs(1) } else { Duration::ZERO };
        assert!(start.elapsed() >= waits, "{name}");
    }
}

#[tokio::test]
async fn bodies_are_resumed_where_they_are_cut_buffered_or_not() {
    oci_testing::needs!("docker-registry", "nginx");
    let store = oci_testing::directory();
    let registry = DockerRegistry::start(store.path(), "").unwrap();
    let unbuffered = "proxy_buffering off; proxy_request_buffering off; proxy_http_version 1.1;";
    for (name, server) in [("buffered", ""), ("unbuffered", unbuffered)] {
        for (way, chunk) in
            [(Way::FromServer, None), (Way::ToServer, None), (Way::ToServer, Some(1 << 20))]
        {
            let directory = oci_testing::directory();
            let to = registry.host().parse().unwrap();
            let breaking = Breaking::start(to, way).await;
            breaking.after(1_500_000);
            let settings = Settings { server, ..Settings::default() };
            let nginx = Nginx::start(directory.path(), &breaking.address.to_string(), settings);
            let name = format!(
                "{name}/{}",
                format!("{way:?}{chunk:?}").to_lowercase().replace(['(', ')'], "-")
            );
            round_trip(&nginx, name.trim_end_matches('-'), chunk).await;
            assert!(breaking.broke(), "{name}");
        }
    }
}
