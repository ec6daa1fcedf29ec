//! Connections that break after any number of bytes, to the server or from it: all is right in the end, or goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use oci_distribution_client::{Client, Config};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::{Descriptor, Document, Manifest, MediaType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::{blob, chain, config, noise, quick, registry, repository};

/// Which bytes of connections are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    ToServer,
    FromServer,
}

/// Passes connections on to a server, and breaks one when they have had so many bytes together, once.
pub(crate) struct Breaking {
    pub(crate) address: SocketAddr,
    /// How many bytes are passed on until one breaks.
    left: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

const UNBROKEN: u64 = u64::MAX;

impl Breaking {
    pub(crate) async fn start(to: SocketAddr, way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let left = Arc::new(AtomicU64::new(UNBROKEN));
        let count = Arc::clone(&left);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(to).await.unwrap();
                tokio::spawn(pass(client, server, way, Arc::clone(&count)));
            }
        });
        Self { address, left, task }
    }

    pub(crate) fn after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    pub(crate) fn broke(&self) -> bool {
        self.left.load(Ordering::SeqCst) == UNBROKEN
    }
}

impl Drop for Breaking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, way: Way, left: Arc<AtomicU64>) {
    // Small pieces are not to wait for what follows them.
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut requests, mut to_client) = client.split();
    let (mut answers, mut to_server) = server.split();
    let endless = AtomicU64::new(UNBROKEN);
    let (there, back) = match way {
        Way::ToServer => (&*left, &endless),
        Way::FromServer => (&endless, &*left),
    };
    // Both directions end when one does.
    tokio::select! {
        () = copy(&mut requests, &mut to_server, there) => {}
        () = copy(&mut answers, &mut to_client, back) => {}
    }
}

/// Passes bytes on as long as there are some left, which are none no more then.
async fn copy(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, left: &AtomicU64) {
    let mut buffer = vec![0; 32 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let before = left.load(Ordering::SeqCst);
        let allowed = before.min(length as u64);
        if to.write_all(&buffer[..allowed as usize]).await.is_err() {
            return;
        }
        if before == UNBROKEN {
            continue;
        }
        let is_broken = allowed < length as u64;
        left.store(if is_broken { UNBROKEN } else { before - allowed }, Ordering::SeqCst);
        if is_broken {
            return;
        }
    }
}

/// A small image.
fn image() -> (Arc<Memory>, Descriptor) {
    let blobs = Arc::new(Memory::new());
    let config = blob(&blobs, MediaType::IMAGE_CONFIG, br#"{"architecture":"amd64","os":"linux"}"#);
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers.push(blob(&blobs, MediaType::LAYER_TAR, &noise(1, 300)));
    let manifest = Document::new(manifest).unwrap();
    blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    (blobs, manifest.descriptor().clone())
}

/// How many bytes lie between two cuts: 1 with `OCI_TEST_CUTS=all`.
fn step() -> usize {
    match std::env::var("OCI_TEST_CUTS") {
        Ok(all) if all == "all" => 1,
        // A prime, so that the cuts are in other places of each request.
        _ => 61,
    }
}

/// How many exchanges go on at once: after a break, an upload waits a while.
const LANES: usize = 16;

/// Does `exchange` once for each place where a connection breaks, with a client to whom it does, until none breaks.
async fn sweep(to: SocketAddr, way: Way, exchange: impl AsyncFn(&Client, &str, u64)) {
    let lanes = (0..LANES).map(async |lane| {
        let breaking = Breaking::start(to, way).await;
        let host = breaking.address.to_string();
        let client = Client::new(Config::default().plain_http(&host).retry(quick())).unwrap();
        for cut in (lane * step()..).step_by(LANES * step()) {
            breaking.after(cut as u64);
            exchange(&client, &host, cut as u64).await;
            if !breaking.broke() {
                return cut;
            }
        }
        0
    });
    let ends = join_all(lanes).await;
    assert!(ends.iter().all(|end| *end > 1000), "{way:?}: {ends:?}");
}

// covers: DIST-PUSH-11
#[tokio::test]
async fn a_push_survives_a_break_at_any_byte() {
    let (blobs, image) = image();
    for (way, chunk) in [
        (Way::ToServer, 1000),
        (Way::ToServer, 100),
        (Way::FromServer, 1000),
        (Way::FromServer, 100),
    ] {
        let registry = registry().await;
        let direct = Client::new(config(&registry)).unwrap();
        sweep(registry.address(), way, async |client, host, cut| {
            let name = format!("app{cut}");
            let app = client.repository(&format!("{host}/{name}")).unwrap();
            let push = app.push(&blobs, &image).jobs(1).tag("v1");
            let push = if chunk < 300 { push.chunks(chunk) } else { push };
            if let Err(error) = push.await {
                panic!("{way:?}, {chunk}, cut at {cut}: {}", chain(&error));
            }
            let store = Arc::new(Memory::new());
            let direct = direct.repository(&format!("{}/{name}", registry.address())).unwrap();
            direct.pull(&direct.resolve("v1").await.unwrap(), &store).await.unwrap();
            assert_eq!(store.digests(), blobs.digests(), "{way:?}, {chunk}, cut at {cut}");
        })
        .await;
    }
}

// covers: DIST-PULL-11
#[tokio::test]
async fn a_pull_survives_a_break_at_any_byte() {
    let (blobs, image) = image();
    let registry = registry().await;
    repository(&registry, "app").push(&blobs, &image).tag("v1").await.unwrap();
    for way in [Way::ToServer, Way::FromServer] {
        sweep(registry.address(), way, async |client, host, cut| {
            let app = client.repository(&format!("{host}/app")).unwrap();
            let store = Arc::new(Memory::new());
            let pull = async {
                let image = app.resolve("v1").await?;
                app.pull(&image, &store).jobs(1).await
            };
            if let Err(error) = pull.await {
                panic!("{way:?}, cut at {cut}: {}", chain(&error));
            }
            assert_eq!(store.digests(), blobs.digests(), "{way:?}, cut at {cut}");
        })
        .await;
    }
}
