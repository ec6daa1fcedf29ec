use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::Stream;

/// The certificate of a server, for TLS 1.2 and 1.3 by `rustls`. A clone is another handle to the same.
#[derive(Clone)]
pub struct Tls {
    certificate: Arc<Certificate>,
    acceptor: TlsAcceptor,
}

#[derive(Debug)]
struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

/// Why files are not a certificate and its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or has none in PEM.
    #[error("cannot read {what} in `{}`", path.display())]
    Read {
        /// What was to be read.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// The key is of a kind that is not supported, or not that of the certificate.
    #[error("cannot use the key in `{}` with the certificate in `{}`", key.display(), chain.display())]
    Mismatch {
        /// The file of the certificate.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Tls {
    /// The certificate in the file `chain`, with those of the authorities between it and a root, and its key in the
    /// file `key`; both in PEM.
    ///
    /// # Errors
    /// If a file cannot be read, or the key is not that of the certificate.
    pub fn open(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let (chain, key) = (chain.as_ref().to_owned(), key.as_ref().to_owned());
        let current = RwLock::new(Arc::new(read(&chain, &key)?));
        let certificate = Arc::new(Certificate { chain, key, current });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate.mismatch(error))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { certificate, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Reads the files again, for connections from now on. Where that fails the old certificate stays.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reload(&self) -> Result<(), TlsError> {
        let Certificate { chain, key, current } = &*self.certificate;
        let new = Arc::new(read(chain, key)?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(super) async fn accept(
        &self,
        stream: impl Stream + 'static,
    ) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.acceptor.accept(stream).await?))
    }
}

impl Certificate {
    fn mismatch(&self, source: rustls::Error) -> TlsError {
        mismatch(&self.chain, &self.key, source)
    }
}

fn mismatch(chain: &Path, key: &Path, source: rustls::Error) -> TlsError {
    TlsError::Mismatch { chain: chain.into(), key: key.into(), source: source.into() }
}

fn read(chain: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let unreadable = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Read { what, path, source }
    };
    let file = |path: &Path| fs::read(path).map_err(pem::Error::Io);
    let certificates = file(chain)
        .and_then(|text| CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>())
        .and_then(|all| if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) })
        .map_err(unreadable("a certificate", chain))?;
    let secret = file(key)
        .and_then(|text| PrivateKeyDer::from_pem_slice(&text))
        .map_err(unreadable("a private key", key))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(certificates, secret, &provider)
        .map_err(|error| mismatch(chain, key, error))
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Shows no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("chain", &self.certificate.chain).finish_non_exhaustive()
    }
}
