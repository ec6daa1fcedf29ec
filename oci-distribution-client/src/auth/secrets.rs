use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::auth::Credentials;
use crate::auth::token::basic;

/// What a server was sent and must not be repeated, though it may quote it.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Zeroizing<String>>);

/// The shortest secret that is looked for, in bytes: shorter ones are found in any text.
const SHORTEST: usize = 4;

impl Secrets {
    /// The credential of a header `Authorization`, as it is and decoded.
    pub(crate) fn of(authorization: Option<&HeaderValue>) -> Self {
        let mut secrets = Self::default();
        let value = authorization.and_then(|value| value.to_str().ok());
        if let Some((scheme, credential)) = value.and_then(|value| value.split_once(' ')) {
            secrets.add(credential);
            let pair = STANDARD.decode(credential).ok().map(Zeroizing::new);
            let pair = pair.as_ref().filter(|_| scheme.eq_ignore_ascii_case("basic"));
            let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
            if let Some((_, password)) = pair.and_then(|pair| pair.split_once(':')) {
                secrets.add(password);
            }
        }
        secrets
    }

    /// What of `credentials` a server is sent.
    pub(crate) fn of_credentials(credentials: &Credentials) -> Self {
        let mut secrets = Self::of(basic(credentials).as_ref().map(|basic| &basic.value));
        let token = credentials.as_identity_token().or_else(|| credentials.as_registry_token());
        if let Some(token) = token {
            secrets.add(token.expose());
        }
        secrets
    }

    /// And what is in these headers, which may be an `Authorization` of another kind or a key.
    pub(crate) fn and_headers(mut self, headers: Option<&HeaderMap>) -> Self {
        let values = headers.into_iter().flat_map(HeaderMap::values);
        for value in values.filter_map(|value| value.to_str().ok()) {
            self.add(value);
            self.add(value.split_once(' ').map_or("", |(_, credential)| credential));
        }
        self
    }

    fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.0.push(Zeroizing::new(secret.to_owned()));
            self.0.push(Zeroizing::new(byte_serialize(secret.as_bytes()).collect()));
        }
    }

    /// `text` without them.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(&**secret, "<secret>"))
    }
}
