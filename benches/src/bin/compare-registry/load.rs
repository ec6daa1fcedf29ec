use std::time::{Duration, Instant};

use oci_digest::Digest;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is asked again and again.
#[derive(Clone)]
pub(crate) enum Request {
    /// The path.
    Get(String),
    /// A blob of this many bytes, each of its own content, by `POST` and `PUT`.
    Push(usize),
}

/// A server that is asked by many connections at once.
pub(crate) struct Load {
    pub(crate) host: String,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

impl Load {
    /// Requests a second; a push counts once.
    pub(crate) async fn rate(&self, request: &Request) -> f64 {
        let mut tasks = JoinSet::new();
        let start = Instant::now();
        let end = start + self.time;
        for number in 0..self.connections {
            let (host, request) = (self.host.clone(), request.clone());
            tasks.spawn(async move {
                let mut connection = Connection::open(&host).await;
                let mut done = 0;
                while Instant::now() < end {
                    connection.carry_out(&request, number, done).await;
                    done += 1;
                }
                done
            });
        }
        let done: u64 = tasks.join_all().await.into_iter().sum();
        done as f64 / start.elapsed().as_secs_f64()
    }
}

/// Pushes what is asked for: a blob, and a manifest of it with the tag `v1`.
pub(crate) async fn fill(host: &str, blob: &[u8]) {
    let mut connection = Connection::open(host).await;
    connection.push(blob).await;
    connection.push(b"{}").await;
    let manifest = manifest(blob);
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let head = format!("Content-Type: {media_type}\r\n");
    let (status, _) =
        connection.send("PUT", "/v2/a/manifests/v1", &head, manifest.as_bytes()).await;
    assert_eq!(status, 201);
}

/// The manifest of one layer.
pub(crate) fn manifest(blob: &[u8]) -> String {
    let descriptor = |media_type: &str, content: &[u8]| {
        let (digest, size) = (Digest::sha256(content), content.len());
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    };
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar", blob);
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[{layer}]}}"#
    )
}

/// A connection that is kept open, and as little of HTTP/1.1 as it takes.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    async fn open(host: &str) -> Self {
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::with_capacity(128 << 10, stream), host: host.to_owned() }
    }

    async fn carry_out(&mut self, request: &Request, connection: usize, number: u64) {
        match request {
            Request::Get(path) => assert_eq!(self.send("GET", path, "", b"").await.0, 200),
            Request::Push(size) => {
                let mut content = vec![7; *size];
                let own = format!("{connection} {number} {:?}", Instant::now());
                content[..own.len()].copy_from_slice(own.as_bytes());
                self.push(&content).await;
            }
        }
    }

    async fn push(&mut self, content: &[u8]) {
        let (status, location) = self.send("POST", "/v2/a/blobs/uploads/", "", b"").await;
        assert_eq!(status, 202);
        let path = match location.split_once("://") {
            Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
            None => location,
        };
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joint}digest={}", Digest::sha256(content));
        assert_eq!(self.send("PUT", &path, "", content).await.0, 201);
    }

    /// The status, and where the answer leads to. The body is read and forgotten.
    async fn send(&mut self, method: &str, path: &str, head: &str, body: &[u8]) -> (u16, String) {
        let (host, length) = (&self.host, body.len());
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{head}Content-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await.unwrap();
        let (mut status, mut length, mut location) = (0, 0, String::new());
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).await.unwrap();
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            match text.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                Some((name, value)) if name.eq_ignore_ascii_case("location") => {
                    location = value.to_owned();
                }
                None if status == 0 => status = text[9..12].parse().unwrap(),
                _ => {}
            }
        }
        let mut body = (&mut self.stream).take(length);
        assert_eq!(tokio::io::copy_buf(&mut body, &mut tokio::io::sink()).await.unwrap(), length);
        (status, location)
    }
}
