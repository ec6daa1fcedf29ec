use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::service::Service as _;
use oci_digest::Digest;
use oci_registry::{Auth, Grant, Limits, Listener, Registry, Serve, Store};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::client::Client;
use crate::hostile::PATIENCE;

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let server = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let address = server.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    open.read_exact(&mut first).await.unwrap();
    drop(server);
    // An idle connection ends too.
    let _ = open.read_to_end(&mut Vec::new()).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stopped_server_ends_what_it_was_doing() {
    let server = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let idle = TcpStream::connect(server.address()).await.unwrap();
    let mut stream = begin(server.address()).await;
    let rest = async {
        stream.write_all(b"{} and so").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    // It is told to stop before it has the rest.
    let ((), answer) = tokio::join!(biased; server.stop(), rest);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    drop(idle);
}

#[tokio::test]
async fn it_speaks_http_2() {
    let mut client = Client::new().await;
    client.http = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let content = vec![7; 1 << 20];
    let digest = client.push_blob("a", &content).await;
    let response =
        client.request(Method::GET, &format!("/v2/a/blobs/{digest}")).send().await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.bytes().await.unwrap(), content);
}

/// A request that is under way until its connection ends.
const UNFINISHED: &[u8] =
    b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const REQUEST: &[u8] = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";

async fn send(client: &Client, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(client.server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Begins a request; it is under way as soon as the server asks for its body.
async fn begin(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(UNFINISHED).await.unwrap();
    let mut answer = [0; CONTINUE.len()];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    read.expect("the body is not asked for").unwrap();
    assert_eq!(answer, CONTINUE);
    stream
}

/// Whether an answer comes; not, if the connection ends.
async fn is_answered(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut answer = [0; 12];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    read.expect("neither answer nor end").is_ok_and(|_| &answer == b"HTTP/1.1 200")
}

fn limited(limit: impl FnOnce(&mut Limits)) -> Serve {
    let mut limits = Limits::default();
    limit(&mut limits);
    oci_registry::serve(Store::memory()).limits(limits)
}

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn connections_are_bounded_and_wait_for_their_turn() {
    let client = Client::of(limited(|limits| limits.connections = 1)).await;
    // Until the request is under way, its connection gives way to others.
    let first = begin(client.server.address()).await;
    let mut second = send(&client, REQUEST).await;
    let early = tokio::time::timeout(SHORT, is_answered(&mut second)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    assert!(is_answered(&mut second).await);
}

#[tokio::test]
async fn a_connection_that_is_idle_gives_way_to_another() {
    let client = Client::of(limited(|limits| limits.connections = 4)).await;
    for opening in [b"".as_slice(), b"GET /v2/", b"PRI * HT", REQUEST] {
        let mut idle = Vec::new();
        for _ in 0..8 {
            idle.push(send(&client, opening).await);
            assert!(is_answered(&mut send(&client, REQUEST).await).await, "{opening:?}");
        }
        // All but the last few were closed, and not only forgotten.
        let mut first = idle.remove(0);
        first.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

#[tokio::test]
async fn one_client_cannot_have_all_connections() {
    let client = Client::of(limited(|limits| limits.client_connections = 2)).await;
    let address = client.server.address();
    let busy = [begin(address).await, begin(address).await];
    assert!(!is_answered(&mut send(&client, REQUEST).await).await);
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(client.server.address()).await.unwrap();
    other.write_all(REQUEST).await.unwrap();
    assert!(is_answered(&mut other).await);
    drop(busy);
}

#[tokio::test]
async fn connections_that_say_nothing_end() {
    let client = Client::of(limited(|limits| limits.head_time = SHORT)).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let http_2 = [preface.as_slice(), &settings].concat();
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    for opening in [b"".as_slice(), b"GET /v2/", &preface[..12], preface, &http_2, REQUEST] {
        let mut stream = send(&client, opening).await;
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        // A reset is an end too.
        let _ = read.expect("the connection does not end");
    }
    // Not even pings keep it.
    let mut stream = send(&client, &http_2).await;
    while stream.write_all(&ping).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut_off() {
    let client = Client::of(limited(|limits| {
        limits.connections = 1;
        limits.idle = SHORT;
    }))
    .await;
    let digest = client.push_blob("a", &vec![1; 32 << 20]).await;
    let get = format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n");
    let stalled = send(&client, get.as_bytes()).await;
    stalled.readable().await.unwrap();
    // It has the only place.
    assert!(is_answered(&mut send(&client, REQUEST).await).await);
    drop(stalled);
}

#[tokio::test]
async fn bodies_that_drip_are_not_waited_for() {
    let client = Client::of(limited(|limits| limits.idle = Duration::from_millis(300))).await;
    let head = b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n";
    let mut stream = send(&client, head).await;
    let (mut receive, mut send) = stream.split();
    let drip = async {
        for _ in 0..200 {
            tokio::time::sleep(SHORT).await;
            let _ = send.write_all(b"x").await;
        }
    };
    let mut answer = [0; 12];
    tokio::select! {
        read = receive.read_exact(&mut answer) => drop(read.unwrap()),
        () = drip => panic!("it was waited for"),
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_server_that_is_stopped_does_not_wait_for_ever() {
    let limits = limited(|limits| limits.stop_time = SHORT);
    let server = limits.bind("127.0.0.1:0").await.unwrap();
    let _unfinished = begin(server.address()).await;
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("it waits for ever");
}

/// A client of one HTTP/2 connection to a server that has one large manifest of each in memory.
async fn one_manifest_at_a_time() -> Client {
    let mut client = Client::of(limited(|limits| limits.connection_manifests = 1)).await;
    let http = reqwest::Client::builder().http2_prior_knowledge().no_proxy();
    client.http = http.http2_initial_stream_window_size(1 << 16).build().unwrap();
    client
}

#[tokio::test]
async fn large_manifests_are_received_in_turn() {
    tokio::time::timeout(Duration::from_secs(60), of_large_manifests_are_received_in_turn())
        .await
        .unwrap();
}

async fn of_large_manifests_are_received_in_turn() {
    let client = one_manifest_at_a_time().await;
    let text = vec![b'x'; 1 << 20];
    let (piece, body) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, |mut body| async {
        body.recv().await.map(|piece| (piece, body))
    });
    let put = client.request(Method::PUT, "/v2/a/manifests/first").header("content-type", "a/b");
    let first = tokio::spawn(put.body(reqwest::Body::wrap_stream(body)).send());
    piece.send(Ok(vec![b'y'])).await.unwrap();
    tokio::time::sleep(SHORT).await;
    client.put_manifest("a", "small", "a/b", b"small").await.is(201);
    let mut second = std::pin::pin!(client.put_manifest("a", "second", "a/b", &text));
    assert!(tokio::time::timeout(SHORT, second.as_mut()).await.is_err());
    drop(piece);
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    second.await.is(201);
    let all = (0..40).map(|number| {
        let (client, text) = (client.clone(), text.clone());
        tokio::spawn(async move {
            client.put_manifest("a", &format!("v{number}"), "a/b", &text).await.is(201);
            assert_eq!(client.get(&format!("/v2/a/manifests/v{number}")).await.is(200).body, text);
        })
    });
    for done in all.collect::<Vec<_>>() {
        done.await.unwrap();
    }
}

#[tokio::test]
async fn large_manifests_are_sent_in_turn() {
    tokio::time::timeout(Duration::from_secs(60), of_large_manifests_are_sent_in_turn())
        .await
        .unwrap();
}

async fn of_large_manifests_are_sent_in_turn() {
    let client = one_manifest_at_a_time().await;
    let text = vec![b'x'; 4 << 20];
    client.put_manifest("a", "large", "a/b", &text).await.is(201);
    client.put_manifest("a", "small", "a/b", b"small").await.is(201);
    let first = client.request(Method::GET, "/v2/a/manifests/large").send().await.unwrap();
    let mut second = std::pin::pin!(client.get("/v2/a/manifests/large"));
    assert!(tokio::time::timeout(SHORT, second.as_mut()).await.is_err());
    assert_eq!(first.bytes().await.unwrap(), text);
    assert_eq!(second.await.is(200).body, text);
    client.get("/v2/a/manifests/small").await.is(200);
}

#[tokio::test]
async fn it_is_a_service_without_any_network() {
    let registry = oci_registry::serve(Store::memory()).registry();
    let request = || Request::get("/v2/_catalog").body(Full::<Bytes>::default()).unwrap();
    let mut mounted = registry.clone();
    for response in [
        registry.call(request()).await,
        registry.respond(request()).await,
        tower_service::Service::call(&mut mounted, request()).await,
    ] {
        let body = response.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{\"repositories\":[]}");
    }
}

#[tokio::test]
async fn it_serves_connections_of_a_listener_of_ones_own() {
    let registry = oci_registry::serve(Store::memory()).registry();
    let (mut here, there) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(async move { registry.serve_connection(there).await });
    here.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    here.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    serving.await.unwrap().unwrap();
}

/// A connection to a registry without any network, so that a paused clock moves on only when all are waiting.
fn connect(registry: &Registry) -> DuplexStream {
    let (here, there) = tokio::io::duplex(1 << 10);
    let registry = registry.clone();
    tokio::spawn(async move { registry.serve_connection(there).await });
    here
}

#[tokio::test]
async fn clients_of_http_2_are_told_how_many_requests_they_may_have_under_way() {
    let registry = limited(|limits| limits.streams = 7).registry();
    let mut stream = connect(&registry);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    // RFC 9113 4.1, 6.5: the first frame is of settings, each of two bytes of name and four of value.
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut settings).await.unwrap();
    let streams = settings.chunks(6).find(|it| it[..2] == [0, 3]).map(|it| &it[2..]);
    assert_eq!((head[3], streams), (4, Some([0, 0, 0, 7].as_slice())));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_answer_by_drops_is_cut_off() {
    let registry = oci_registry::serve(Store::memory()).registry();
    let content = vec![1; 1 << 20];
    let digest = Digest::sha256(&content);
    let push = Request::post(format!("/v2/a/blobs/uploads/?digest={digest}"));
    let pushed = registry.respond(push.body(Full::<Bytes>::from(content)).unwrap()).await;
    assert_eq!(pushed.unwrap().status(), 201);
    let mut stream = connect(&registry);
    let get = format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(get.as_bytes()).await.unwrap();
    let mut taken = 0;
    while stream.read(&mut [0]).await.is_ok_and(|read| read > 0) {
        taken += 1;
        assert!(taken < 10_000, "it is served for as long as it takes anything");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_gives_way_to_a_request_that_waits() {
    let registry = limited(|limits| limits.contended_idle = Duration::from_secs(5)).registry();
    let begun = Request::post("/v2/a/blobs/uploads/").body(Full::<Bytes>::default()).unwrap();
    let begun = registry.respond(begun).await.unwrap();
    let session = begun.headers()["location"].to_str().unwrap();
    let head = format!("PATCH {session} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    let mut stalled = connect(&registry);
    stalled.write_all(head.as_bytes()).await.unwrap();
    // The clock moves on once the body is waited for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = tokio::time::Instant::now();
    let next = Request::patch(session).body(Full::<Bytes>::from("content")).unwrap();
    assert_eq!(registry.respond(next).await.unwrap().status(), 202);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn many_clients_push_and_pull_at_once() {
    let directory = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::directory(directory.path()).unwrap()] {
        let client = Client::of(oci_registry::serve(store)).await;
        let clients = (0..16).map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let content = vec![number; 300_000];
                // The same blob from everybody, and one of one's own; each to one repository.
                client.push_image("a", &format!("v{number}")).await;
                let digest = client.push_blob("a", &content).await;
                let answer = client.get(&format!("/v2/a/blobs/{digest}")).await.is(200);
                assert_eq!(answer.body, content);
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        let tags = client.get("/v2/a/tags/list").await.json();
        assert_eq!(tags["tags"].as_array().unwrap().len(), 16);
        assert_eq!(client.server.registry().open_uploads(), 0);
    }
}

#[tokio::test]
async fn one_registry_serves_several_listeners() {
    let registry = oci_registry::serve(Store::memory()).registry();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let tcp = Listener::tcp("127.0.0.1:0").await.unwrap();
    let address = tcp.address().unwrap();
    let unix = Listener::unix(&path).await.unwrap();
    let in_use = Listener::unix(&path).await.unwrap_err();
    assert_eq!(in_use.kind(), std::io::ErrorKind::AddrInUse);
    let listening = [registry.listen(tcp), registry.listen(unix)];
    assert!(is_answered(&mut with_request(TcpStream::connect(address).await.unwrap()).await).await);
    assert!(is_answered(&mut with_request(UnixStream::connect(&path).await.unwrap()).await).await);
    for listening in listening {
        listening.stop().await;
    }
    // A socket that nobody listens on is replaced, another file is not.
    Listener::unix(&path).await.unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    Listener::unix(&file).await.unwrap_err();
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
}

async fn with_request<S: AsyncWrite + Unpin>(mut stream: S) -> S {
    stream.write_all(REQUEST).await.unwrap();
    stream
}

#[tokio::test]
async fn connections_are_bounded_for_all_listeners_together() {
    let registry = limited(|limits| limits.connections = 1).registry();
    let (first, second) =
        (Listener::tcp("127.0.0.1:0").await.unwrap(), Listener::tcp("127.0.0.1:0").await.unwrap());
    let (busy, other) = (first.address().unwrap(), second.address().unwrap());
    let _listening = [registry.listen(first), registry.listen(second)];
    let busy = begin(busy).await;
    let mut other = with_request(TcpStream::connect(other).await.unwrap()).await;
    assert!(tokio::time::timeout(SHORT, is_answered(&mut other)).await.is_err());
    drop(busy);
    assert!(is_answered(&mut other).await);
}

#[tokio::test]
async fn a_registry_that_is_read_only_takes_nothing() {
    let store = Store::memory();
    let client = Client::of(oci_registry::serve(store.clone())).await;
    let digest = client.push_image("a", "v1").await;
    let client = Client::of(oci_registry::serve(store).read_only()).await;
    client.get("/v2/a/manifests/v1").await.is(200);
    let answer = client.post("/v2/a/blobs/uploads/").await.refused(405, "UNSUPPORTED");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    client.put_manifest("a", "v2", "a/b", b"x").await.refused(405, "UNSUPPORTED");
    client.delete(&format!("/v2/a/manifests/{digest}")).await.refused(405, "UNSUPPORTED");
    client.get("/v2/a/manifests/v1").await.is(200);
}

#[tokio::test]
async fn what_was_answered_is_told_without_queries() {
    let (told, mut exchanges) = tokio::sync::mpsc::unbounded_channel();
    let auth = Auth::basic().user("alice", "secret", [Grant::all("*")]);
    let serve = oci_registry::serve(Store::memory()).auth(auth).on_exchange(move |exchange| {
        told.send(exchange.clone()).unwrap();
    });
    let mut client = Client::of(serve).await;
    client.get("/v2/a/blobs/nonsense").await.is(400);
    client.credentials = Some("Basic YWxpY2U6c2VjcmV0".to_owned());
    let digest = Digest::sha256("content");
    let post = format!("/v2/a/blobs/uploads/?digest={digest}");
    client.send(client.request(Method::POST, &post).body("content")).await.is(201);
    let blob = format!("/v2/a/blobs/{digest}");
    client.get(&blob).await.is(200);
    let mut next = async || {
        let it: oci_registry::Exchange = exchanges.recv().await.unwrap();
        assert_eq!(it.peer, Some("127.0.0.1".parse().unwrap()));
        let (status, user) = (it.status.as_u16(), it.user.unwrap_or_default());
        (it.method, it.path, it.endpoint, user, status, it.received, it.sent)
    };
    let (method, path, endpoint, user, status, ..) = next().await;
    let first = (method, path.as_str(), endpoint, user.as_str(), status);
    assert_eq!(first, (Method::GET, "/v2/a/blobs/nonsense", None, "", 400));
    let (user, uploads) = ("alice".to_owned(), "/v2/a/blobs/uploads/".to_owned());
    let pushed = (Method::POST, uploads, Some("uploads"), user.clone(), 201, 7, 0);
    assert_eq!(next().await, pushed);
    assert_eq!(next().await, (Method::GET, blob, Some("blob"), user, 200, 0, 7));
}
