use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::service::Service as _;
use oci_registry::{Fault, Limits, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Client;

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
    let slow = Fault::delay("/manifests/", Duration::from_millis(50));
    let server =
        oci_registry::serve(Store::memory()).faults(slow).bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // Not before it is under way.
    let idle = TcpStream::connect(server.address()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    server.stop().await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    drop(idle);
}

#[tokio::test]
async fn it_speaks_http_2() {
    let mut client = Client::new().await;
    client.http = crate::client::http_builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let content = vec![7; 1 << 20];
    let digest = client.push_blob("a", &content).await;
    let response =
        client.request(Method::GET, &format!("/v2/a/blobs/{digest}")).send().await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.bytes().await.unwrap(), content);
}

#[tokio::test]
async fn connections_are_bounded_and_wait_for_their_turn() {
    let mut limits = Limits::default();
    limits.connections = 1;
    let client = Client::of(oci_registry::serve(Store::memory()).limits(limits)).await;
    let mut first = TcpStream::connect(client.server.address()).await.unwrap();
    let request = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";
    first.write_all(request).await.unwrap();
    first.read_exact(&mut [0; 12]).await.unwrap();
    let mut second = TcpStream::connect(client.server.address()).await.unwrap();
    second.write_all(request).await.unwrap();
    let mut answer = [0; 12];
    let early =
        tokio::time::timeout(Duration::from_millis(50), second.read_exact(&mut answer)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    second.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn it_is_a_service_without_any_network() {
    let registry = oci_registry::serve(Store::memory()).registry();
    let request = || Request::get("/v2/_catalog").body(Full::<Bytes>::default()).unwrap();
    for response in [registry.call(request()).await, registry.respond(request()).await] {
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
