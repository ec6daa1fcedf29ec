use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The cryptography for TLS: what the program chose for all its uses of `rustls`, or else what this crate is built
/// with. The process-wide default stays as it is.
pub(super) fn provider() -> Result<Arc<CryptoProvider>, &'static str> {
    let chosen = CryptoProvider::get_default().cloned();
    chosen.or_else(|| built_in().map(Arc::new)).ok_or(
        "this build has no cryptography for TLS: enable the feature `ring` or `aws-lc-rs`, \
         or install a `rustls::crypto::CryptoProvider`",
    )
}

#[cfg(feature = "aws-lc-rs")]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn built_in() -> Option<CryptoProvider> {
    None
}
