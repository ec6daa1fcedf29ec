use std::collections::HashMap;
use std::time::Instant;

use http::HeaderValue;
use tokio::sync::Mutex;
use url::Url;

use crate::auth::credentials::Credentials;
use crate::auth::keyring::Keyring;
use crate::auth::scope::Scopes;
use crate::auth::token::{self, Bearer, Token};
use crate::error::{Error, ErrorKind};
use crate::header::Challenge;
use crate::origin::{Origin, shown};
use crate::wire::Wire;

/// Answers the challenges of one registry, and remembers how.
///
/// Its answers are for requests to the registry's own origin and nowhere else.
#[derive(Debug)]
pub(crate) struct Authority {
    registry: String,
    origin: Origin,
    /// Token servers that are allowed though they are asked by http.
    allowed: Vec<Origin>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scheme: Scheme,
    tokens: HashMap<String, Token>,
    /// What answers basic challenges, by repository: helpers that know it take their time.
    logins: HashMap<String, Credentials>,
}

#[derive(Clone, Debug, Default)]
enum Scheme {
    /// Nothing was asked for yet.
    #[default]
    None,
    Basic,
    Bearer(Bearer),
}

/// What is asked for, and with what a login is found.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) keyring: &'a Keyring,
    pub(crate) repository: &'a str,
    pub(crate) scopes: &'a Scopes,
}

/// Why a challenge has no answer.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// In words that go on from the registry's answer.
    Because(String),
    /// Getting an answer failed.
    Failed(Error),
}

impl From<Error> for Rejected {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The most tokens, and the most logins, that are kept for one registry.
const TOKENS: usize = 1_000;

impl Authority {
    pub(crate) fn new(registry: String, origin: Origin, allowed: Vec<Origin>) -> Self {
        Self { registry, origin, allowed, state: Mutex::default() }
    }

    /// The value of `Authorization` for a request, by what was learned before.
    pub(crate) async fn header(&self, asking: Asking<'_>) -> Result<Option<HeaderValue>, Error> {
        // Held while a token is fetched, so that many requests fetch one.
        let mut state = self.state.lock().await;
        match state.scheme.clone() {
            Scheme::None => Ok(None),
            Scheme::Basic => {
                if let Some(login) = state.logins.get(asking.repository) {
                    return Ok(token::basic(login));
                }
                let login = self.credentials(asking).await?;
                Ok(login.and_then(|login| state.keep_login(asking.repository, login)))
            }
            Scheme::Bearer(bearer) => {
                let key = asking.scopes.to_string();
                if let Some(token) = state.fresh_token(&key) {
                    return Ok(Some(token));
                }
                let credentials = self.credentials(asking).await?;
                if let Some(token) = credentials.as_ref().and_then(Credentials::as_registry_token) {
                    return Ok(token::bearer(token.expose()));
                }
                let Asking { wire, scopes, .. } = asking;
                let token = self.fetch(wire, &bearer, scopes, credentials.as_ref()).await?;
                Ok(Some(state.keep(key, token)))
            }
        }
    }

    /// The value of `Authorization` that answers `challenges`, where `used` was not good enough.
    pub(crate) async fn answer(
        &self,
        asking: Asking<'_>,
        challenges: &[Challenge],
        used: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Rejected> {
        let mut state = self.state.lock().await;
        if let Some(challenge) = challenges.iter().find(|challenge| challenge.scheme == "bearer") {
            return self.answer_bearer(&mut state, asking, challenge, used).await;
        }
        if challenges.iter().any(|challenge| challenge.scheme == "basic") {
            return self.answer_basic(&mut state, asking, used).await;
        }
        Err(Rejected::Because(match challenges {
            [] => "it does not say how to log in".to_owned(),
            _ => "it knows no way to log in that is known here".to_owned(),
        }))
    }

    async fn answer_bearer(
        &self,
        state: &mut State,
        asking: Asking<'_>,
        challenge: &Challenge,
        used: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Rejected> {
        let key = asking.scopes.to_string();
        // Another request was faster.
        if let Some(token) = state.fresh_token(&key).filter(|token| used != Some(token)) {
            return Ok(token);
        }
        let credentials = self.credentials(asking).await?;
        let bearer = self.bearer(challenge);
        if let Some(token) = credentials.as_ref().and_then(Credentials::as_registry_token) {
            if let Ok(bearer) = bearer {
                state.scheme = Scheme::Bearer(bearer);
            }
            return unless_used(token::bearer(token.expose()), used);
        }
        let bearer = bearer.map_err(Rejected::Because)?;
        let asked = challenge.parameter("scope").unwrap_or_default();
        let scopes = asking.scopes.clone().and_challenged(asked);
        let token = self.fetch(asking.wire, &bearer, &scopes, credentials.as_ref()).await?;
        state.scheme = Scheme::Bearer(bearer);
        Ok(state.keep(key, token))
    }

    async fn answer_basic(
        &self,
        state: &mut State,
        asking: Asking<'_>,
        used: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Rejected> {
        state.scheme = Scheme::Basic;
        // Another request was faster.
        let known = state.logins.get(asking.repository).and_then(token::basic);
        if let Some(login) = known.filter(|login| used != Some(login)) {
            return Ok(login);
        }
        let credentials = self.credentials(asking).await?.ok_or_else(|| {
            let none = "it wants a user name and a password, and none is configured";
            Rejected::Because(none.to_owned())
        })?;
        unless_used(state.keep_login(asking.repository, credentials), used)
    }

    async fn credentials(&self, asking: Asking<'_>) -> Result<Option<Credentials>, Error> {
        asking.keyring.find(&self.registry, asking.repository).await
    }

    /// Reads a bearer challenge, and says why not if its realm is no place for credentials.
    fn bearer(&self, challenge: &Challenge) -> Result<Bearer, String> {
        let realm = challenge.parameter("realm").ok_or("it does not name its token server")?;
        let realm = Url::parse(realm).ok().filter(|url| url.username().is_empty());
        let realm = realm.filter(|url| url.password().is_none());
        let pair = realm.and_then(|realm| Some((Origin::of(&realm)?, realm)));
        let (origin, mut realm) = pair.ok_or("the URL of its token server cannot be used")?;
        realm.set_fragment(None);
        let is_itself = !self.origin.is_secure() && origin.is_same_server(&self.origin);
        if !origin.is_secure() && !is_itself && !self.allowed.contains(&origin) {
            return Err(format!(
                "its token server `{origin}` is asked by http, so no credential is sent there"
            ));
        }
        let service = challenge.parameter("service").map(str::to_owned);
        Ok(Bearer { realm, service })
    }

    async fn fetch(
        &self,
        wire: &Wire,
        bearer: &Bearer,
        scopes: &Scopes,
        credentials: Option<&Credentials>,
    ) -> Result<Token, Error> {
        let action = format!("get a token for `{}` from `{}`", self.registry, shown(&bearer.realm));
        let request = bearer.request(scopes, credentials);
        let answer = wire.token(request, &action).await?;
        Token::parse(&answer, Instant::now()).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, action).because("the answer holds no token")
        })
    }
}

impl State {
    fn fresh_token(&self, key: &str) -> Option<HeaderValue> {
        let token = self.tokens.get(key).filter(|token| token.is_fresh(Instant::now()))?;
        Some(token.authorization.clone())
    }

    fn keep(&mut self, key: String, token: Token) -> HeaderValue {
        if self.tokens.len() >= TOKENS {
            self.tokens.clear();
        }
        let authorization = token.authorization.clone();
        self.tokens.insert(key, token);
        authorization
    }

    fn keep_login(&mut self, repository: &str, login: Credentials) -> Option<HeaderValue> {
        if self.logins.len() >= TOKENS {
            self.logins.clear();
        }
        let authorization = token::basic(&login);
        self.logins.insert(repository.to_owned(), login);
        authorization
    }
}

/// `value`, unless it is missing or was refused already.
fn unless_used(
    value: Option<HeaderValue>,
    used: Option<&HeaderValue>,
) -> Result<HeaderValue, Rejected> {
    let value = value.ok_or_else(|| {
        Rejected::Because("the configured credentials are not of the kind it wants".to_owned())
    })?;
    if used == Some(&value) {
        return Err(Rejected::Because("it refuses the configured credentials".to_owned()));
    }
    Ok(value)
}
