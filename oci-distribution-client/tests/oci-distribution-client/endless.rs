//! What a server sends without an end, by raw sockets.

use oci_distribution_client::{Client, Config, ErrorKind, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixture::{chain, quick};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const LIST: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"tags\":[";

/// The error of a client that lists the tags of a server which sends `begin`, and then `more` for ever.
async fn endless(begin: &'static str, more: &'static str) -> (ErrorKind, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(begin.as_bytes()).await?;
        let more = more.repeat(64 * 1024 / more.len());
        loop {
            stream.write_all(more.as_bytes()).await?;
        }
        #[expect(unreachable_code, reason = "the type of the error")]
        std::io::Result::Ok(())
    });
    let (mut retry, mut limits) = (quick(), Limits::default());
    (retry.attempts, limits.page) = (1, 100_000);
    let config = Config::default().plain_http(&host).retry(retry).limits(limits);
    let client = Client::new(config).unwrap();
    let error = client.repository(&format!("{host}/app")).unwrap().tags().await.unwrap_err();
    drop(client);
    // It ends when nobody takes what it sends.
    server.await.unwrap().unwrap_err();
    (error.kind(), chain(&error))
}

#[tokio::test]
async fn what_a_server_sends_without_an_end_is_given_up() {
    for (name, begin, more, expected) in [
        ("status", "HTTP/1.1 200 ", "OK ", ErrorKind::Transport),
        ("header", "HTTP/1.1 200 OK\r\nx: ", "value ", ErrorKind::Transport),
        ("headers", OK, "x: y\r\n", ErrorKind::Transport),
        ("size of a chunk", CHUNKED, "f", ErrorKind::Transport),
        (
            "extension of a chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
            "a",
            ErrorKind::Transport,
        ),
        (
            "trailers",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            "x: y\r\n",
            ErrorKind::Transport,
        ),
        ("body", LIST, "\"a\",", ErrorKind::Limit),
    ] {
        let (kind, text) = endless(begin, more).await;
        assert_eq!(kind, expected, "{name}: {text}");
    }
}
