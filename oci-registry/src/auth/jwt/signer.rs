use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// The key that the registry's own token service signs with, by ES256.
///
/// Every registry with the same key takes the tokens of the others, so that any of several replicas can answer. A clone is
/// another handle to the same key.
#[derive(Clone)]
pub struct JwtSigner(Arc<Signer>);

struct Signer {
    pair: EcdsaKeyPair,
    /// The thumbprint of the key (RFC 7638).
    id: String,
    /// Its public half, as a JWK.
    public: Value,
}

/// Why there is no key to sign with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the key that signs tokens: {reason}")]
#[non_exhaustive]
pub struct JwtSignerError {
    reason: &'static str,
}

const LABEL: &str = "PRIVATE KEY-----";

impl JwtSigner {
    /// A new key, known to this process alone.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> Result<Self, JwtSignerError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| JwtSignerError { reason: "there are no random numbers" })?;
        Self::from_pkcs8(document.as_ref())
    }

    /// The key of a PEM file, as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes it.
    ///
    /// # Errors
    /// If there is no such key in it.
    pub fn from_pem(text: &str) -> Result<Self, JwtSignerError> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.skip_while(|line| *line != format!("-----BEGIN {LABEL}"));
        let _begin = lines.next();
        let body: String = lines.take_while(|line| *line != format!("-----END {LABEL}")).collect();
        let document = BASE64_STANDARD.decode(body).unwrap_or_default();
        Self::from_pkcs8(&document)
    }

    fn from_pkcs8(document: &[u8]) -> Result<Self, JwtSignerError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &random)
            .map_err(|_| JwtSignerError {
                reason: "it is not a key of the curve P-256 in PKCS#8 (BEGIN PRIVATE KEY)",
            })?;
        // 4, x and y: a point that is not compressed.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut public = json!({"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)});
        // Its members are in order, and there is no space in it: what the thumbprint is of.
        let thumbprint = digest::digest(&digest::SHA256, public.to_string().as_bytes());
        let id = encode(thumbprint.as_ref());
        public["kid"] = id.clone().into();
        public["alg"] = "ES256".into();
        public["use"] = "sig".into();
        Ok(Self(Arc::new(Signer { pair, id, public })))
    }

    /// The public half as a JWK set, for whoever is to take its tokens.
    pub fn key_set(&self) -> String {
        json!({"keys": [self.0.public]}).to_string()
    }

    pub(in super::super) fn keys(&self) -> super::JwtKeys {
        super::JwtKeys::of(&self.0.public)
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let head = json!({"typ": "JWT", "alg": "ES256", "kid": self.0.id});
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&head), encode(claims));
        // It fails only where the system has no random numbers; a token without a signature is good for nothing.
        let signature = self.0.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map(|it| BASE64_URL_SAFE_NO_PAD.encode(it)).unwrap_or_default();
        format!("{signed}.{signature}")
    }
}

/// Shows no key.
impl fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSigner").field("id", &self.0.id).finish_non_exhaustive()
    }
}
