//! Signed tokens in a build without them: none.

use std::time::Duration;

use super::Grant;

#[derive(Clone)]
pub(super) struct Jwt {
    pub(super) signer: Option<JwtSigner>,
    never: JwtSigner,
}

/// There is none.
#[derive(Clone)]
pub(super) enum JwtSigner {}

pub(super) struct Claims {
    pub(super) user: Option<String>,
    pub(super) grants: Vec<Grant>,
    pub(super) issued: Option<f64>,
}

impl Jwt {
    pub(super) fn claims(&self, _: &str, _: &str) -> Option<Claims> {
        match self.never {}
    }
}

pub(super) fn issue(
    signer: &JwtSigner,
    _: &str,
    _: Option<&str>,
    _: (&[Grant], Duration),
) -> String {
    match *signer {}
}

pub(super) fn now() -> Duration {
    Duration::ZERO
}
