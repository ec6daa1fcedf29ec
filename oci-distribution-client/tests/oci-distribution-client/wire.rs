//! Servers that break off, by raw sockets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use oci_distribution_client::{Client, Config, Repository};
use oci_image::blob::Memory;
use oci_image::{Descriptor, MediaType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::{chain, quick};

/// A server that answers each request by raw bytes, one request a connection.
struct Raw {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    /// `answer` gets the method, the path and the number of the request, from 0.
    async fn start(
        host: &str,
        answer: impl Fn(&str, &str, usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { break };
                let _ = serve(stream, &answer, number).await;
            }
        });
        Self { address, task }
    }

    fn repository(&self) -> Repository {
        let host = self.address.to_string();
        let client = Client::new(Config::default().plain_http(&host).retry(quick())).unwrap();
        client.repository(&format!("{host}/app")).unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(&str, &str, usize) -> Vec<u8> + Send + Sync),
    number: usize,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let head = loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        if let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break String::from_utf8_lossy(&request[..end + 4]).to_lowercase();
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = head.len() + length.map_or(0, |length| length.parse().unwrap());
    while request.len() < length {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let first = String::from_utf8_lossy(&request);
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    stream.write_all(&answer(&method, &path, number)).await?;
    stream.shutdown().await
}

/// Media type and bytes of what is at each path.
type Paths = HashMap<String, (String, Vec<u8>)>;

fn small_image() -> (Arc<Memory>, Descriptor, Paths) {
    use oci_image::blob::BlobSourceExt;
    use oci_image::{Document, Manifest};

    use crate::fixture::blob;

    let blobs = Arc::new(Memory::new());
    let config = blob(&blobs, MediaType::EMPTY_JSON, b"{}");
    let layer = blob(&blobs, MediaType::LAYER_TAR, b"a layer of some bytes");
    let mut manifest = Manifest::new(config.clone());
    manifest.layers = vec![layer.clone()];
    let manifest = Document::new(manifest).unwrap();
    let root = blob(&blobs, MediaType::IMAGE_MANIFEST, manifest.bytes());
    let mut paths = HashMap::new();
    for descriptor in [&config, &layer, &root] {
        let kind = if descriptor.digest == root.digest { "manifests" } else { "blobs" };
        let path = format!("/v2/app/{kind}/{}", descriptor.digest);
        let bytes = blobs.read(descriptor, 1 << 20).unwrap();
        paths.insert(path, (descriptor.media_type.as_str().to_owned(), bytes));
    }
    let tagged = paths[&format!("/v2/app/manifests/{}", root.digest)].clone();
    paths.insert("/v2/app/manifests/v1".to_owned(), tagged);
    (blobs, root, paths)
}

fn full(method: &str, media_type: &str, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    let body = if method == "HEAD" { &[][..] } else { bytes };
    [head.as_bytes(), body].concat()
}

async fn pull(repository: &Repository) -> Result<Arc<Memory>, oci_distribution_client::Error> {
    let store = Arc::new(Memory::new());
    let image = repository.resolve("v1").await?;
    repository.pull(&image, &store).jobs(1).await?;
    Ok(store)
}

#[tokio::test]
async fn a_pull_survives_a_cut_at_every_byte_of_every_answer() {
    let (blobs, _, paths) = small_image();
    // The number of the request, which answer is cut after how many bytes, and the answers' lengths.
    let script = Arc::new(Mutex::new((0, usize::MAX, 0, Vec::new())));
    let (shared, known) = (Arc::clone(&script), paths.clone());
    let server = Raw::start("127.0.0.1", move |method, path, _| {
        let (media_type, bytes) = &known[path];
        let mut answer = full(method, media_type, bytes);
        let (number, target, cut, lengths) = &mut *shared.lock().unwrap();
        lengths.push(answer.len());
        if number == target {
            answer.truncate(*cut);
        }
        *number += 1;
        answer
    })
    .await;
    let repository = server.repository();
    pull(&repository).await.unwrap();
    let lengths = script.lock().unwrap().3.clone();
    assert!(lengths.len() >= 4);
    for (target, length) in lengths.into_iter().enumerate() {
        for cut in 0..length {
            *script.lock().unwrap() = (0, target, cut, Vec::new());
            match pull(&repository).await {
                Ok(store) => assert_eq!(store.digests(), blobs.digests()),
                Err(error) => panic!("answer {target} cut after {cut}: {}", chain(&error)),
            }
        }
    }
}

#[tokio::test]
async fn http_1_0_and_ipv6_and_chunks_with_trailers_are_understood() {
    let (blobs, _, paths) = small_image();
    for host in ["127.0.0.1", "::1"] {
        for form in ["1.0", "chunked"] {
            let known = paths.clone();
            let server = Raw::start(host, move |method, path, _| {
                let (media_type, bytes) = &known[path];
                let body = if method == "HEAD" { &[][..] } else { bytes };
                let mut answer = match form {
                    "1.0" => format!("HTTP/1.0 200 OK\r\nContent-Type: {media_type}\r\n\r\n"),
                    _ => format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\
                         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                    ),
                }
                .into_bytes();
                match form {
                    "1.0" => answer.extend_from_slice(body),
                    _ if method == "HEAD" => {}
                    _ => {
                        for piece in body.chunks(7) {
                            answer.extend(format!("{:x};x=y\r\n", piece.len()).bytes());
                            answer.extend_from_slice(piece);
                            answer.extend(b"\r\n");
                        }
                        answer.extend(b"0\r\nX-Trailer: odd\r\n\r\n");
                    }
                }
                answer
            })
            .await;
            match pull(&server.repository()).await {
                Ok(store) => assert_eq!(store.digests(), blobs.digests(), "{host} {form}"),
                Err(error) => panic!("{host} {form}: {}", chain(&error)),
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_http_is_an_error_and_no_panic() {
    let nonsense: [&[u8]; 6] = [
        b"",
        b"\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 999999 NO\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    ];
    for bytes in nonsense {
        let server = Raw::start("127.0.0.1", move |_, _, _| bytes.to_vec()).await;
        let error = server.repository().resolve("v1").await.unwrap_err();
        let text = chain(&error);
        assert!(text.starts_with("cannot resolve `v1` in `127.0.0.1:"), "{text}");
    }
}

#[tokio::test]
async fn a_push_meets_a_cut_at_every_byte_without_a_tag_too_early() {
    let (blobs, root, _) = small_image();
    let cuts = (0..6).flat_map(|target| (0..60).map(move |cut| (target, cut)));
    let pushes = cuts.map(|(target, cut)| is_pushed(&blobs, &root, target, cut));
    let outcomes: Vec<bool> = stream::iter(pushes).buffer_unordered(20).collect().await;
    // A lost answer to a POST is not asked for again; all else is.
    let pushed = outcomes.iter().filter(|is_pushed| **is_pushed).count();
    assert!(pushed > outcomes.len() / 2, "{pushed} of {}", outcomes.len());
}

/// Pushes to a server that cuts its answer to the request of this number after so many bytes.
async fn is_pushed(blobs: &Arc<Memory>, root: &Descriptor, target: usize, cut: usize) -> bool {
    let answer = |method: &str, path: &str| -> String {
        match (method, path.contains("/uploads/")) {
            ("HEAD", _) => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n".into(),
            ("POST", _) => "HTTP/1.1 202 Accepted\r\nlocation: /v2/app/blobs/uploads/1\r\ncontent-length: 0\r\n".into(),
            ("PUT", _) => "HTTP/1.1 201 Created\r\nlocation: /v2/x\r\ncontent-length: 0\r\n".into(),
            ("GET", true) => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n".into(),
            _ => "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n".to_owned(),
        }
    };
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let server = Raw::start("127.0.0.1", move |method, path, number| {
        let mut bytes = format!("{}connection: close\r\n\r\n", answer(method, path)).into_bytes();
        if number == target {
            bytes.truncate(cut);
        } else {
            seen.lock().unwrap().push(format!("{method} {path}"));
        }
        bytes
    })
    .await;
    let result = server.repository().push(blobs, root).tag("v1").jobs(1).await;
    let log = log.lock().unwrap().clone();
    let is_put = |line: &&String| line.starts_with("PUT") && line.contains("digest=");
    let puts = log.iter().filter(is_put).count();
    let tagged = log.iter().any(|line| line.starts_with("PUT") && line.ends_with("/manifests/v1"));
    assert_eq!(tagged, result.is_ok(), "{target} {cut}: {log:?}");
    assert!(!tagged || puts == 2, "{target} {cut}: {log:?}");
    result.is_ok()
}
