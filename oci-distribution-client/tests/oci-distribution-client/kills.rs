//! A pull that is killed again and again moves little more than the image.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use oci_distribution_client::{Client, Config};
use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
use oci_image::{Document, Manifest, MediaType};
use oci_layout::Layout;
use oci_registry::{Fault, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::fixture::{blob, noise, registry, repository};

/// What is on its way when a process dies is lost: for so many kills there is one layer.
const KILLS_PER_LAYER: u64 = 5;
const MIB: usize = 1 << 20;
const LAYER: usize = 32 * MIB;

/// The variables that tell the child what to pull, and to where; and how often it is killed.
const FROM: &str = "OCI_TEST_PULL_FROM";
const TO: &str = "OCI_TEST_PULL_TO";
const KILLS: &str = "OCI_TEST_KILLS";

async fn pushed(layers: u64) -> (Server, Document<Manifest>) {
    let (registry, blobs) = (registry().await, Arc::new(Memory::new()));
    let config = blob(&blobs, MediaType::IMAGE_CONFIG, br#"{"architecture":"amd64","os":"linux"}"#);
    let mut manifest = Manifest::new(config);
    let layer = |seed| blob(&blobs, MediaType::LAYER_TAR, &noise(seed, MIB).repeat(LAYER / MIB));
    manifest.layers = (1..=layers).map(layer).collect();
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    let manifest = Document::new(manifest).unwrap();
    blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    let push = repository(&registry, "app");
    push.push(&blobs, manifest.descriptor()).tag("v1").await.unwrap();
    (registry, manifest)
}

/// Passes connections on to `registry`, and counts the bytes of its answers.
async fn proxy(registry: &Server) -> (String, watch::Receiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, to) = (listener.local_addr().unwrap().to_string(), registry.address());
    let (count, counted) = watch::channel(0);
    let count = Arc::new(count);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, TcpStream::connect(to).await.unwrap(), Arc::clone(&count)));
        }
    });
    (address, counted)
}

async fn pass(mut client: TcpStream, mut server: TcpStream, count: Arc<watch::Sender<u64>>) {
    let (mut requests, mut to_client) = client.split();
    let (mut answers, mut to_server) = server.split();
    let back = async {
        let mut buffer = vec![0; 32 << 10];
        loop {
            match answers.read(&mut buffer).await {
                Ok(length @ 1..) if to_client.write_all(&buffer[..length]).await.is_ok() => {
                    count.send_modify(|sum| *sum += length as u64);
                }
                _ => break,
            }
        }
    };
    tokio::select! {
        _ = tokio::io::copy(&mut requests, &mut to_server) => {}
        () = back => {}
    }
}

fn child(from: &str, to: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "kills::pulls_until_it_is_killed", "--ignored"]);
    child.env(FROM, from).env(TO, to).stdout(Stdio::null());
    child.spawn().unwrap()
}

/// Not a test: what is killed.
#[tokio::test]
#[ignore = "it is run by the test below"]
async fn pulls_until_it_is_killed() {
    let (Ok(from), Ok(to)) = (std::env::var(FROM), std::env::var(TO)) else { return };
    let client = Client::new(Config::default().plain_http(&from)).unwrap();
    let image = client.resolve(&format!("{from}/app:v1").parse().unwrap()).await.unwrap();
    let layout = Layout::create(to).unwrap();
    image.repository().pull(&image, &layout).jobs(1).await.unwrap();
}

// covers: DIST-PULL-11
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_is_killed_at_random_moves_little_more_than_the_image() {
    let kills: u64 = std::env::var(KILLS).map_or(20, |kills| kills.parse().unwrap());
    let layers = kills.div_ceil(KILLS_PER_LAYER);
    let (registry, manifest) = pushed(layers).await;
    // As a network would, so that little is on its way when the process dies.
    registry.registry().add_faults([Fault::slow_body(
        "/blobs/",
        32 << 10,
        Duration::from_millis(2),
    )]);
    let (from, mut counted) = proxy(&registry).await;
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("layout");
    let size = layers * LAYER as u64;
    for _ in 0..kills {
        let random = RandomState::new().hash_one(0) % (size / kills * 9 / 5);
        let until = *counted.borrow() + random;
        let mut child = child(&from, &to);
        tokio::select! {
            _ = counted.wait_for(|sum| *sum >= until) => {}
            // It may be done before, as the rest is little.
            () = ended(&mut child) => {}
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(child(&from, &to).wait().unwrap().success());
    let layout = Layout::open(&to).unwrap();
    for layer in &manifest.layers {
        layout.read(layer, LAYER).unwrap();
    }
    let moved = *counted.borrow();
    assert!(moved * 100 <= size * 105, "{moved} bytes moved, the image has {size}");
}

async fn ended(child: &mut Child) {
    while child.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
}
