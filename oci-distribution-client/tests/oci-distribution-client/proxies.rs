//! What goes through a proxy, and what never does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Limits};
use oci_registry::{Auth, Grant, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fixture::{chain, quick};

/// A proxy that refuses, and counts who asks it.
struct Proxy {
    url: String,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]).await;
                let refusal = b"HTTP/1.1 418 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(refusal).await;
            }
        });
        Self { url, asked, task }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A configuration of the environment with these variables, each set to this proxy.
    fn variables(&self, names: &[&str], except: &str) -> Config {
        let config = Config::from_variables(|name| match name {
            "NO_PROXY" => Some(except.into()),
            name => names.contains(&name).then(|| self.url.clone().into()),
        });
        config.unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_registry_on_this_machine_is_never_asked_through_a_proxy() {
    let proxy = Proxy::start().await;
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let auth = Auth::basic().user("alice", "secret", [Grant::all("*")]);
        let serve = oci_registry::serve(Store::memory()).auth(auth);
        let registry = serve.bind(address).await.unwrap();
        let port = registry.address().port();
        let hosts = match registry.address().is_ipv4() {
            true => vec![format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            false => vec![format!("[::1]:{port}")],
        };
        for host in hosts {
            for (name, config) in [
                ("http", proxy.variables(&["HTTP_PROXY"], "")),
                ("lower case", proxy.variables(&["http_proxy"], "")),
                ("all", proxy.variables(&["ALL_PROXY"], "")),
                ("in code", Config::default().proxy(&proxy.url, "")),
            ] {
                let config = config.plain_http(&host).retry(quick());
                let config = config.credentials(&host, Credentials::basic("alice", "secret"));
                let app = Client::new(config).unwrap().repository(&format!("{host}/app")).unwrap();
                let error = app.resolve("v1").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound, "{name} {host}: {}", chain(&error));
            }
        }
    }
    assert_eq!(proxy.asked(), 0);
}

#[tokio::test]
async fn https_to_this_machine_goes_through_no_proxy_either() {
    let proxy = Proxy::start().await;
    for host in ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.9.9.9:1", "x.localhost:1"] {
        let config = proxy.variables(&["HTTPS_PROXY", "ALL_PROXY"], "").retry(quick());
        let app = Client::new(config).unwrap().repository(&format!("{host}/app")).unwrap();
        assert_eq!(app.resolve("v1").await.unwrap_err().kind(), ErrorKind::Unreachable, "{host}");
    }
    assert_eq!(proxy.asked(), 0);
}

#[tokio::test]
async fn other_machines_are_asked_through_the_proxy_but_for_those_that_are_excepted() {
    const HOST: &str = "192.0.2.1:5000";
    let mut limits = Limits::default();
    limits.connect = Duration::from_millis(50);
    let mut retry = quick();
    retry.attempts = 1;
    for (except, is_proxied) in [
        ("", true),
        ("192.0.2.1:5001,registry.example", true),
        (HOST, false),
        ("192.0.2.1", false),
        ("192.0.2.0/24", false),
        ("*", false),
    ] {
        let proxy = Proxy::start().await;
        let config = proxy.variables(&["HTTP_PROXY"], except).danger_plain_http(HOST);
        let config = config.limits(limits.clone()).retry(retry.clone());
        let app = Client::new(config).unwrap().repository(&format!("{HOST}/app")).unwrap();
        let error = app.resolve("v1").await.unwrap_err();
        assert_eq!(error.status(), is_proxied.then_some(418), "{except}: {}", chain(&error));
        assert_eq!(proxy.asked() > 0, is_proxied, "{except}");
    }
}
