use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oci_image::json::{self, Value};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

/// The public keys of a token service: a JWK set ([RFC 7517]).
///
/// Keys for RS256, RS384, RS512, ES256, ES384 and EdDSA (Ed25519) are used, others are skipped: a token is never verified
/// by a shared secret, nor taken without a signature. A clone is another handle to the same keys.
///
/// [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
#[derive(Clone)]
pub struct JwtKeys(Arc<Mutex<Vec<Key>>>);

struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if its owner says so.
    algorithm: Option<String>,
    public: Public,
}

enum Public {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Why a text is not a set of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the keys of tokens: {reason}")]
#[non_exhaustive]
pub struct JwtKeysError {
    reason: &'static str,
}

impl JwtKeys {
    /// The keys of a JWK set (`{"keys": [...]}`), or one JWK.
    ///
    /// # Errors
    /// If it is neither, or has no key that can verify tokens here.
    pub fn parse(text: &str) -> Result<Self, JwtKeysError> {
        Ok(Self(Arc::new(Mutex::new(keys(text)?))))
    }

    /// The key that a JWK of this crate's own is.
    pub(super) fn of(own: &serde_json::Value) -> Self {
        Self::parse(&own.to_string()).unwrap_or_else(|_| Self(Arc::default()))
    }

    /// Replaces the keys. Where the text is wrong, they stay.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn replace(&self, text: &str) -> Result<(), JwtKeysError> {
        let new = keys(text)?;
        *self.lock() = new;
        Ok(())
    }

    /// Whether one of the keys, and where an `id` is given one of that, made the signature. What the algorithm says must
    /// be what the key is.
    pub(super) fn verify(
        &self,
        algorithm: &str,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        self.lock().iter().any(|key| {
            (id.is_none() || key.id.as_deref() == id)
                && key.algorithm.as_deref().is_none_or(|only| only == algorithm)
                && key.public.verify(algorithm, signed, signature)
        })
    }

    /// Each change is one assignment, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Vec<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Public {
    fn verify(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> bool {
        let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(signed, signature).is_ok()
        };
        match (self, algorithm) {
            (Self::Rsa(key), "RS256") => {
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Self::Rsa(key), "RS384") => {
                key.verify(&RSA_PKCS1_2048_8192_SHA384, signed, signature).is_ok()
            }
            (Self::Rsa(key), "RS512") => {
                key.verify(&RSA_PKCS1_2048_8192_SHA512, signed, signature).is_ok()
            }
            (Self::P256(key), "ES256") => by(&ECDSA_P256_SHA256_FIXED, key),
            (Self::P384(key), "ES384") => by(&ECDSA_P384_SHA384_FIXED, key),
            (Self::Ed25519(key), "EdDSA" | "Ed25519") => by(&ED25519, key),
            _ => false,
        }
    }
}

fn keys(text: &str) -> Result<Vec<Key>, JwtKeysError> {
    let wrong = |reason| JwtKeysError { reason };
    let value = json::from_slice(text.as_bytes()).map_err(|_| wrong("they are not JSON"))?;
    let Value::Object(set) = &value else { return Err(wrong("they are not a JWK set")) };
    let keys: Vec<Key> = match set.get("keys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(key).collect(),
        Some(_) => return Err(wrong("they are not a JWK set")),
        None => key(&value).into_iter().collect(),
    };
    if keys.is_empty() {
        return Err(wrong("none is for RS256, RS384, RS512, ES256, ES384 or EdDSA"));
    }
    Ok(keys)
}

/// A key that can be used here.
fn key(value: &Value) -> Option<Key> {
    let Value::Object(members) = value else { return None };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    // A point of a curve, not compressed.
    let point = || Some([vec![4], bytes("x")?, bytes("y")?].concat());
    let public = match (text("kty")?, text("crv")) {
        ("RSA", _) => Public::Rsa(RsaPublicKeyComponents { n: bytes("n")?, e: bytes("e")? }),
        ("EC", Some("P-256")) => Public::P256(point()?),
        ("EC", Some("P-384")) => Public::P384(point()?),
        ("OKP", Some("Ed25519")) => Public::Ed25519(bytes("x")?),
        _ => return None,
    };
    Some(Key {
        id: text("kid").map(str::to_owned),
        algorithm: text("alg").map(str::to_owned),
        public,
    })
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.lock().iter().map(|key| key.id.clone()).collect();
        f.debug_struct("JwtKeys").field("ids", &ids).finish()
    }
}
