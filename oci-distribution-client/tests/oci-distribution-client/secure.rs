//! TLS servers with certificates that are made for the test.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use oci_registry::Server;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fixture::registry;

/// Issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, hosts).signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Pair {
    /// What `openssl req -x509` makes: a certificate that is its own authority.
    pub(crate) fn self_signed(hosts: &[&str], expires: i32) -> Self {
        let mut params = params("itself", hosts);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(expires, 1, 1);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Which clients a server takes, by the authorities of their certificates.
pub(crate) enum Clients<'a> {
    All,
    WithOrWithout(&'a Authority),
    Only(&'a Authority),
}

/// A registry behind TLS at `localhost` and 127.0.0.1.
pub(crate) struct Secure {
    pub(crate) registry: Server,
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Connection>>>,
    task: JoinHandle<()>,
}

/// What a server saw of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) protocol: String,
    /// The certificate of the client.
    pub(crate) client: Option<CertificateDer<'static>>,
}

impl Secure {
    pub(crate) async fn start(pair: &Pair, clients: Clients<'_>) -> Self {
        let mut config = config(pair, &clients);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let registry = registry().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, backend) = (listener.local_addr().unwrap(), registry.address());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), backend, Arc::clone(&log)));
            }
        });
        Self { registry, address, seen, task }
    }

    /// Its name with its port.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The connections on which TLS was agreed on.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    backend: SocketAddr,
    log: Arc<Mutex<Vec<Connection>>>,
) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let session = stream.get_ref().1;
    let client = session.peer_certificates().and_then(|chain| chain.first());
    log.lock().unwrap().push(Connection {
        protocol: String::from_utf8_lossy(session.alpn_protocol().unwrap_or_default()).into(),
        client: client.map(|certificate| certificate.clone().into_owned()),
    });
    let mut backend = TcpStream::connect(backend).await?;
    copy_bidirectional(&mut stream, &mut backend).await.map(drop)
}

fn config(pair: &Pair, clients: &Clients<'_>) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = |authority: &Authority| {
        let mut roots = RootCertStore::empty();
        roots.add(der(&authority.pem)).unwrap();
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
    };
    let verifier = match clients {
        Clients::All => Arc::new(NoClientAuth),
        Clients::WithOrWithout(authority) => {
            verifier(authority).allow_unauthenticated().build().unwrap()
        }
        Clients::Only(authority) => verifier(authority).build().unwrap(),
    };
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![der(&pair.certificate)], key)
        .unwrap()
}

/// Accepts all clients, for HTTP/1.1.
pub(crate) fn acceptor(pair: &Pair) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config(pair, &Clients::All)))
}

pub(crate) fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}
