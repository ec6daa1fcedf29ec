//! What goes through a proxy, and what never does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Limits};
use oci_registry::{Auth, Grant, Store};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::{chain, quick};
use crate::secure::{Authority, Pair, acceptor};

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
        let config = config.limits(connecting(is_proxied)).retry(retry.clone());
        let app = Client::new(config).unwrap().repository(&format!("{HOST}/app")).unwrap();
        let error = app.resolve("v1").await.unwrap_err();
        assert_eq!(error.status(), is_proxied.then_some(418), "{except}: {}", chain(&error));
        assert_eq!(proxy.asked() > 0, is_proxied, "{except}");
    }
}

/// Machines that are nowhere are not waited for.
fn connecting(is_somewhere: bool) -> Limits {
    let mut limits = Limits::default();
    if !is_somewhere {
        limits.connect = Duration::from_millis(1);
    }
    limits
}

/// A proxy that wants a login, makes tunnels to one server whatever name is asked for, and answers other requests
/// itself; or such a server, which wants none.
struct Peer {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Peer {
    /// A proxy for the server at `to`, or a server; with `secure`, one that is asked over https.
    async fn start(to: Option<SocketAddr>, secure: Option<&Pair>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        let acceptor = secure.map(acceptor);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, acceptor) = (Arc::clone(&log), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => answer(stream, to, &log).await,
                        Some(acceptor) => answer(acceptor.accept(stream).await?, to, &log).await,
                    }
                });
            }
        });
        Self { address, heads, task }
    }

    /// The requests that it got, in lower case.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    to: Option<SocketAddr>,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let is_tunnel = head.starts_with("connect ");
    let may_pass = to.is_none() || head.contains("proxy-authorization: basic ");
    log.lock().unwrap().push(head);
    let answer = match (may_pass, is_tunnel) {
        (false, _) => "407 Who\r\ncontent-length: 0",
        (true, true) => "200 Go",
        (true, false) => "200 Here\r\ncontent-length: 2",
    };
    let answer = format!("HTTP/1.1 {answer}\r\n");
    let end = if may_pass && is_tunnel { "\r\n" } else { "connection: close\r\n\r\n{}" };
    stream.write_all(format!("{answer}{end}").as_bytes()).await?;
    match to.filter(|_| may_pass && is_tunnel) {
        Some(to) => {
            copy_bidirectional(&mut stream, &mut TcpStream::connect(to).await?).await.map(drop)
        }
        None => stream.shutdown().await,
    }
}

/// Of `u@x` and `p:w`.
const LOGIN: &str = "u%40x:p%3aw";
const LOGIN_HEADER: &str = "proxy-authorization: basic dUB4OnA6dw==";

#[tokio::test]
async fn https_goes_through_a_tunnel_and_http_by_whole_urls_with_the_login_of_the_proxy() {
    let authority = Authority::new("authority");
    let pair = authority.issue("server", &["registry.example", "localhost"]);
    let server = Peer::start(None, Some(&pair)).await;
    for secure in [None, Some(&pair)] {
        let proxy = Peer::start(Some(server.address), secure).await;
        let scheme = if secure.is_some() { "https" } else { "http" };
        let config = |login: &str| {
            Config::default()
                .retry(quick())
                .root_certificate(&*authority.pem)
                .danger_plain_http("plain.example")
                .proxy(format!("{scheme}://{login}localhost:{}", proxy.address.port()), "")
        };
        let client = Client::new(config(&format!("{LOGIN}@"))).unwrap();
        for host in ["registry.example", "plain.example"] {
            client.check(host).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        }
        let [tunnel, plain] = &proxy.heads()[..] else { panic!("{:?}", proxy.heads()) };
        assert!(tunnel.starts_with("connect registry.example:443 http/1.1\r\n"), "{tunnel}");
        assert!(plain.starts_with("get http://plain.example/v2/ http/1.1\r\n"), "{plain}");
        for head in [tunnel, plain] {
            assert!(head.contains(&LOGIN_HEADER.to_lowercase()), "{head}");
        }

        let error = Client::new(config("")).unwrap().check("registry.example").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(chain(&error).ends_with("proxy authorization required"), "{}", chain(&error));
    }
    let heads = server.heads();
    assert!(!heads.is_empty());
    assert!(!heads.iter().any(|head| head.contains("proxy")), "{heads:?}");
}

#[tokio::test]
async fn a_server_may_have_a_proxy_of_its_own_or_none() {
    let (general, own) = (Proxy::start().await, Proxy::start().await);
    let config = Config::default()
        .retry(quick())
        .proxy_to("192.0.2.1", &own.url)
        .no_proxy_to("192.0.2.2:5000")
        .proxy(&general.url, "192.0.2.1")
        .danger_plain_http("192.0.2.1")
        .danger_plain_http("192.0.2.2:5000");
    let nowhere = Client::new(config.clone().limits(connecting(false))).unwrap();
    let client = Client::new(config).unwrap();
    assert_eq!(client.check("192.0.2.1").await.unwrap_err().status(), Some(418));
    let counts = (general.asked(), own.asked());
    assert!(counts.0 == 0 && counts.1 > 0, "{counts:?}");
    let error = nowhere.check("192.0.2.2:5000").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{}", chain(&error));
    assert_eq!((general.asked(), own.asked()), counts);
    // Another port is another server.
    client.check("192.0.2.2").await.unwrap_err();
    assert!(general.asked() > 0);
}
