use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::auth::credentials::{Credentials, Secret};
use crate::auth::scope::Scopes;

/// What a bearer challenge says about getting a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) realm: Url,
    pub(crate) service: Option<String>,
}

/// A request for a token, ready to be sent.
pub(crate) struct TokenRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) authorization: Option<HeaderValue>,
    /// The form, if it is a `POST`.
    pub(crate) form: Option<Zeroizing<String>>,
}

const CLIENT_ID: &str = "oci-distribution-client";

impl Bearer {
    /// The request of the [token specification]: `GET`, or `POST` as [OAuth2] for an identity token.
    ///
    /// [token specification]: https://distribution.github.io/distribution/spec/auth/token/
    /// [OAuth2]: https://distribution.github.io/distribution/spec/auth/oauth/
    pub(crate) fn request(
        &self,
        scopes: &Scopes,
        credentials: Option<&Credentials>,
    ) -> TokenRequest {
        if let Some(token) = credentials.and_then(Credentials::as_identity_token) {
            return self.exchange(scopes, token);
        }
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            for scope in scopes.iter() {
                query.append_pair("scope", &scope);
            }
            query.append_pair("client_id", CLIENT_ID);
            if let Some((user, _)) = credentials.and_then(Credentials::as_basic) {
                query.append_pair("account", user);
            }
        }
        let authorization = credentials.and_then(basic).map(|basic| basic.value);
        TokenRequest { method: Method::GET, url, authorization, form: None }
    }

    fn exchange(&self, scopes: &Scopes, token: &Secret) -> TokenRequest {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("refresh_token", token.expose());
        form.append_pair("client_id", CLIENT_ID);
        if let Some(service) = &self.service {
            form.append_pair("service", service);
        }
        form.append_pair("scope", &scopes.to_string());
        TokenRequest {
            method: Method::POST,
            url: self.realm.clone(),
            authorization: None,
            form: Some(Zeroizing::new(form.finish())),
        }
    }
}

/// What a request shows to be let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// The value of the header, marked as sensitive.
    pub(crate) value: HeaderValue,
    /// Whether it was given to a caller without credentials.
    pub(crate) is_anonymous: bool,
}

/// A token of a token server.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) authorization: Authorization,
    /// When it is used no longer; the end of what was given by a caller is exact.
    fresh_until: Instant,
}

/// Longer lives are not believed, so that a wrong one ends.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// What the specification says of a token that does not tell.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A token is no longer used this long before it expires.
const MARGIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Answer {
    token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// How many seconds a token lives by its server, some of which write a text or a fraction.
fn seconds(expires_in: &serde_json::Value) -> Option<u64> {
    let text = || expires_in.as_str()?.trim().parse().ok();
    expires_in.as_u64().or_else(|| {
        let seconds = expires_in.as_f64().or_else(text)?;
        // The cast takes what is out of range for the nearest that is within.
        seconds.is_finite().then_some(seconds as u64)
    })
}

impl Token {
    /// Reads the answer of a token server that was received at `now`.
    pub(crate) fn parse(answer: &[u8], now: Instant, is_anonymous: bool) -> Option<Self> {
        let Answer { token, access_token, expires_in } = serde_json::from_slice(answer).ok()?;
        let token = [token, access_token].into_iter().flatten().find(|token| !token.is_empty())?;
        let life = seconds(&expires_in).map_or(DEFAULT_LIFE, Duration::from_secs);
        let life = life.clamp(DEFAULT_LIFE, LONGEST_LIFE);
        let authorization = Authorization { is_anonymous, ..bearer(&token)? };
        Some(Self { authorization, fresh_until: now + life - MARGIN })
    }

    /// The registry token that `credentials` are, if they are one.
    pub(crate) fn of_registry(credentials: &Credentials) -> Option<Self> {
        let authorization = bearer(credentials.as_registry_token()?.expose())?;
        let longest = Instant::now() + LONGEST_LIFE;
        let fresh_until = credentials.expires().map_or(longest, |end| end.min(longest));
        Some(Self { authorization, fresh_until })
    }

    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now < self.fresh_until
    }
}

/// The value of `Authorization` for user and password, if `credentials` are that.
pub(crate) fn basic(credentials: &Credentials) -> Option<Authorization> {
    let (user, password) = credentials.as_basic()?;
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    sensitive(&value)
}

/// The value of `Authorization` for `token`, if that has no character that a header cannot hold.
pub(crate) fn bearer(token: &str) -> Option<Authorization> {
    sensitive(&Zeroizing::new(format!("Bearer {token}")))
}

fn sensitive(value: &str) -> Option<Authorization> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(Authorization { value, is_anonymous: false })
}
