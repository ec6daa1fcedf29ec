use std::error::Error as StdError;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{DistinguishedName, SignatureScheme};
use webpki::EndEntityCert;

use crate::transport::tls::Identity;
use crate::transport::tls::client::certificates;

/// The client certificates for one server.
#[derive(Debug)]
pub(super) struct Identities(Vec<Arc<CertifiedKey>>);

impl Identities {
    /// `None` without any.
    pub(super) fn read(
        identities: &[Identity],
        provider: &CryptoProvider,
    ) -> Result<Option<Self>, Box<dyn StdError + Send + Sync>> {
        let mut keys = Vec::new();
        for identity in identities {
            let chain = certificates(&identity.chain)?;
            let key = PrivateKeyDer::from_pem_slice(&identity.key)?;
            keys.push(Arc::new(CertifiedKey::from_der(chain, key, provider)?));
        }
        Ok((!keys.is_empty()).then_some(Self(keys)))
    }
}

impl ResolvesClientCert for Identities {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let can_sign = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let is_wanted = |key: &&Arc<CertifiedKey>| is_from_one_of(key, issuers);
        let mut keys = self.0.iter().filter(can_sign);
        keys.clone().find(is_wanted).or_else(|| keys.next()).cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Whether one of the certificates of `key` was issued by one of `issuers`, names in DER.
fn is_from_one_of(key: &CertifiedKey, issuers: &[&[u8]]) -> bool {
    key.cert.iter().any(|certificate| {
        EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
            let issuer = DistinguishedName::in_sequence(certificate.issuer());
            issuers.contains(&issuer.as_ref())
        })
    })
}
