//! Clients that push and pull while others attack: nobody takes from others what the server has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oci_registry::{Limits, Server, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::client::Client;

/// How many clients push and pull, and so how many times as many attack.
const CLIENTS: (&str, usize) = ("OCI_TEST_CLIENTS", 4);

/// Attackers for each of the others.
const ATTACKERS: usize = 4;

/// How often an attacker whose connection ends comes again.
const ATTEMPTS: usize = 8;

/// The most that all of a test may take: what is starved never ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// What an attacker sends before it is silent. The server's address is that of neither side.
type Opening = fn() -> Vec<u8>;

const ATTACKS: [(&str, Opening); 9] = [
    ("says nothing", Vec::new),
    ("sends half a head", || b"GET /v2/ HTTP/1.1\r\nHos".to_vec()),
    ("stays after its answer", || b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
    ("sends half a preface of HTTP/2", || b"PRI * HTTP/2.0\r\n".to_vec()),
    ("opens HTTP/2 and no stream", || {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat()
    }),
    ("opens sessions", || {
        let post =
            "POST /v2/attack/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        post.repeat(20).into()
    }),
    ("stalls in a huge manifest", || {
        let head =
            "PUT /v2/attack/manifests/v HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n";
        [head.as_bytes(), &vec![b' '; 256 << 10]].concat()
    }),
    ("stalls in a blob", || {
        let path = format!("/v2/attack/blobs/uploads/?digest={}", oci_digest::Digest::EMPTY_JSON);
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n{{").into()
    }),
    ("takes no list that it asks for", || {
        let list = "GET /v2/good/tags/list?n=1000000 HTTP/1.1\r\nHost: a\r\n\r\n";
        list.repeat(200).into()
    }),
];

/// The number of clients of this run.
fn clients() -> usize {
    std::env::var(CLIENTS.0).map_or(CLIENTS.1, |number| number.parse().unwrap())
}

/// Fewer of everything than the attackers ask for, of which one address has half, as by default.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.client_connections = 2 * clients();
    limits.connections = 4 * clients();
    limits.client_uploads = 2 * clients();
    limits.uploads = 4 * clients();
    limits.stop_time = Duration::from_millis(200);
    limits
}

async fn connect(from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
    socket.connect(to).await
}

/// Attacks until its connections ended often enough; counts those that it had.
async fn attack(to: SocketAddr, opening: Opening, made: Arc<AtomicUsize>) {
    for _ in 0..ATTEMPTS {
        let Ok(mut stream) = connect("127.0.0.3", to).await else { return };
        made.fetch_add(1, Ordering::Relaxed);
        // The end of the connection is what it waits for, and takes nothing meanwhile.
        if stream.write_all(&opening()).await.is_ok() {
            let _ = stream.ready(tokio::io::Interest::ERROR).await;
            let _ = stream.read(&mut [0; 16]).await;
        }
    }
}

async fn push_and_pull(client: Client, number: usize) {
    for round in 0..3 {
        let content = format!("{number} {round}").repeat(20_000).into_bytes();
        let digest = client.push_blob("good", &content).await;
        client.push_image("good", &format!("v{number}")).await;
        let blob = client.get(&format!("/v2/good/blobs/{digest}")).await.is(200);
        assert_eq!(blob.body, content);
        client.get(&format!("/v2/good/manifests/v{number}")).await.is(200);
    }
}

async fn stop(client: Client) {
    let server: Server = Arc::into_inner(client.server).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_push_and_pull_beside_each_attack_and_the_server_stops() {
    for (attack_of, opening) in ATTACKS {
        let mut client = Client::of(oci_registry::serve(Store::memory()).limits(limits())).await;
        client.http = reqwest::Client::builder()
            .no_proxy()
            .local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap())
            .build()
            .unwrap();
        let (address, made) = (client.server.address(), Arc::new(AtomicUsize::new(0)));
        let mut attackers = JoinSet::new();
        for _ in 0..ATTACKERS * clients() {
            attackers.spawn(attack(address, opening, made.clone()));
        }
        let work = async {
            // They attack before the others begin.
            while made.load(Ordering::Relaxed) < ATTACKERS * clients() {
                tokio::task::yield_now().await;
            }
            let mut good = JoinSet::new();
            for number in 0..clients() {
                good.spawn(push_and_pull(client.clone(), number));
            }
            good.join_all().await;
            stop(client).await;
        };
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.unwrap_or_else(|_| panic!("nobody is served while one {attack_of}"));
    }
}
