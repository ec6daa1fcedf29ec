//! How many blobs move at once.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::{Descriptor, Digest, MediaType, Platform};
use oci_layout::Layout;
use oci_registry::{Fault, Store};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::images::Field;
use crate::oci_copy;

const LAYERS: u8 = 6;

/// Puts an image of several layers to the layout, as `layers`.
fn put_layers(field: &Field) {
    let layout = Layout::open(field.path("layout")).unwrap();
    let mut builder = Builder::new(&Platform::host());
    for number in 0..LAYERS {
        let tar = vec![number; 1024];
        let layer = Descriptor::of(MediaType::LAYER_TAR, &tar);
        layout.put(&layer, &tar).unwrap();
        builder = builder.layer(Layer::new(layer, Digest::sha256(&tar)));
    }
    layout.put_image(&builder.build().unwrap()).unwrap().tag("layers").unwrap();
}

/// An address that leads to another one, and how many connections were made to it.
async fn counted(to: SocketAddr) -> (SocketAddr, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (count, counted)) = (listener.local_addr().unwrap(), watch::channel(0));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            count.send_modify(|count| *count += 1);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                // Either end may break off.
                _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, counted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_blobs_move_at_once_as_there_are_jobs() {
    let field = Field::new();
    put_layers(&field);
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let remote = |address: SocketAddr| format!("docker://{address}/app:v1");
    let from = field.name("oci", "layout:layers");
    oci_copy(&["--plain-http", &from, &remote(registry.address())]).good();
    for jobs in [1, 3] {
        let copy = |from: SocketAddr, to: &str| {
            let to = field.name("oci", &format!("{to}-{jobs}:v1"));
            let mut command = Command::new(env!("CARGO_BIN_EXE_oci-copy"));
            command.args(["--plain-http", "--jobs", &jobs.to_string(), &remote(from), &to]);
            command.env_clear().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let (address, connections) = counted(registry.address()).await;
        assert!(copy(address, "to").wait().unwrap().success());
        assert!(*connections.borrow() <= jobs, "{} for {jobs}", *connections.borrow());

        // None ends before all have begun.
        let (address, mut connections) = counted(registry.address()).await;
        registry.registry().add_faults([Fault::delay("/blobs/", Duration::from_secs(3600))]);
        let mut stalled = copy(address, "stalled");
        let begun = connections.wait_for(|count| *count >= jobs).await.map(|count| *count);
        registry.registry().clear_faults();
        stalled.kill().unwrap();
        stalled.wait().unwrap();
        assert_eq!(begun.unwrap(), jobs);
    }
}
