mod state;

use std::time::Duration;

use oci_image::RepositoryName;
use oci_image::distribution::Challenge;
use oci_image::reference::RegistryName;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::auth::authority::state::{Scheme, State};
use crate::auth::credentials::Credentials;
use crate::auth::fetch::fetch;
use crate::auth::keyring::Keyring;
use crate::auth::provider::CredentialRequest;
use crate::auth::scope::Scopes;
use crate::auth::secrets::Secrets;
use crate::auth::token::{self, Authorization, Bearer, Token};
use crate::error::{Error, ErrorKind};
use crate::origin::{Origin, shown};
use crate::text::printable;
use crate::trace;
use crate::wire::{Wire, registry_errors};

/// Answers the challenges of one registry, and remembers how.
///
/// Its answers are for requests to the registry's own origin and nowhere else.
#[derive(Debug)]
pub(crate) struct Authority {
    registry: RegistryName,
    origin: Origin,
    /// Token servers that are allowed although they are asked over http.
    allowed: Vec<Origin>,
    state: Mutex<State>,
    /// Whether the registry was asked for a challenge because it has none for strangers.
    pub(crate) introduction: Mutex<bool>,
}

/// What a login is for, and with what it is found.
#[derive(Clone, Copy)]
pub(crate) struct LoginContext<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) keyring: &'a Keyring,
    pub(crate) repository: Option<&'a RepositoryName>,
    pub(crate) scopes: &'a Scopes,
}

/// Whether the credentials that were known are refused by the registry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    No,
    Yes,
}

impl Refused {
    /// By what a request showed that was challenged all the same.
    fn by(used: Option<&Authorization>) -> Self {
        match used {
            Some(used) if !used.is_anonymous => Self::Yes,
            _ => Self::No,
        }
    }
}

/// Why a challenge has no answer.
#[derive(Debug)]
pub(crate) enum LoginError {
    /// There is none, in a sentence.
    NoAnswer(String),
    /// Getting an answer failed.
    Failed(Error),
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How long no login is renewed after one changed nothing: the registry denies what it denies.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

impl Authority {
    pub(crate) fn new(registry: RegistryName, origin: Origin, allowed: Vec<Origin>) -> Self {
        Self { registry, origin, allowed, state: Mutex::default(), introduction: Mutex::default() }
    }

    /// What a request is authorized by, by what was learned before.
    pub(crate) async fn authorization(
        &self,
        context: LoginContext<'_>,
    ) -> Result<Option<Authorization>, Error> {
        // Held while a token is fetched, so that many requests fetch one.
        let mut state = self.state.lock().await;
        match state.scheme.clone() {
            Scheme::None => Ok(None),
            Scheme::Basic => {
                if let Some(login) = state.login(context.repository) {
                    return Ok(token::basic(login));
                }
                let login = self.credentials(&state, context, Refused::No).await?;
                Ok(login.and_then(|login| state.keep_login(context.repository, login)))
            }
            Scheme::Bearer(bearer) => {
                let key = context.scopes.to_string();
                if let Some(token) = state.fresh_token(&key) {
                    return Ok(Some(token));
                }
                let credentials = self.credentials(&state, context, Refused::No).await?;
                if let Some(token) = credentials.as_ref().filter(|it| it.is_registry_token()) {
                    return Ok(Token::of_registry(token).map(|token| state.keep(key, token)));
                }
                let LoginContext { wire, scopes, .. } = context;
                let token = self.fetch(wire, &bearer, scopes, credentials.as_ref()).await?;
                Ok(Some(state.keep(key, token)))
            }
        }
    }

    /// What answers `challenges`, where `used` was not good enough.
    pub(crate) async fn answer(
        &self,
        context: LoginContext<'_>,
        challenges: &[Challenge],
        used: Option<&Authorization>,
    ) -> Result<Authorization, LoginError> {
        let mut state = self.state.lock().await;
        let of_scheme =
            |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        state.challenge = of_scheme("bearer").or_else(|| of_scheme("basic")).cloned();
        if let Some(challenge) = of_scheme("bearer") {
            return self.answer_bearer(&mut state, context, challenge, used).await;
        }
        if of_scheme("basic").is_some() {
            return self.answer_basic(&mut state, context, used).await;
        }
        Err(self.no_answer(match challenges {
            [] => "wants a login and does not say how",
            _ => "wants a login of a kind that this client does not know",
        }))
    }

    /// Another authorization than `used`, which was known and may have expired: credentials are looked for, and a
    /// token is fetched, anew. `None` if there is none.
    pub(crate) async fn renew(
        &self,
        context: LoginContext<'_>,
        used: &Authorization,
    ) -> Option<Authorization> {
        let mut state = self.state.lock().await;
        if state.renewable_from.is_some_and(|from| Instant::now() < from) {
            return None;
        }
        let renewed = match state.scheme.clone() {
            Scheme::None => None,
            Scheme::Basic => {
                let credentials = self.credentials(&state, context, Refused::Yes).await;
                credentials
                    .ok()
                    .flatten()
                    .and_then(|login| state.keep_login(context.repository, login))
            }
            Scheme::Bearer(bearer) => {
                let key = context.scopes.to_string();
                match state.fresh_token(&key).filter(|token| token != used) {
                    // Another request was faster.
                    Some(token) => Some(token),
                    None => {
                        let token = self.new_token(&state, context, &bearer).await;
                        token.ok().map(|token| state.keep(key, token))
                    }
                }
            }
        };
        let renewed = renewed.filter(|renewed| renewed != used);
        if renewed.is_none() {
            state.renewable_from = Some(Instant::now() + RENEWAL_PAUSE);
        }
        renewed
    }

    /// What was renewed is refused too.
    pub(crate) async fn renewed_in_vain(&self) {
        self.state.lock().await.renewable_from = Some(Instant::now() + RENEWAL_PAUSE);
    }

    /// Whether there is a login.
    pub(crate) async fn has_login(&self, context: LoginContext<'_>) -> bool {
        let state = self.state.lock().await;
        matches!(self.credentials(&state, context, Refused::No).await, Ok(Some(_)))
    }

    /// What to say where a registry wants credentials and there are none.
    pub(crate) fn without_credentials(&self, scopes: &Scopes) -> String {
        // A challenge may have added to them.
        let scopes = printable(&scopes.to_string(), 500);
        let wanted = match scopes.as_str() {
            "" => String::new(),
            scopes => format!(" for `{scopes}`"),
        };
        format!(
            "`{}` wants credentials{wanted}, and none are configured for it; give them with \
             `Config::credentials`, or in a login file with `Config::from_environment`",
            self.registry
        )
    }

    async fn answer_bearer(
        &self,
        state: &mut State,
        context: LoginContext<'_>,
        challenge: &Challenge,
        used: Option<&Authorization>,
    ) -> Result<Authorization, LoginError> {
        let key = context.scopes.to_string();
        // Another request was faster.
        if let Some(token) = state.fresh_token(&key).filter(|token| used != Some(token)) {
            return Ok(token);
        }
        let credentials = self.credentials(state, context, Refused::by(used)).await?;
        let bearer = self.bearer(challenge);
        if let Some(token) = credentials.as_ref().filter(|it| it.is_registry_token()) {
            if let Ok(bearer) = bearer {
                state.scheme = Scheme::Bearer(bearer);
            }
            let token = Token::of_registry(token).map(|token| state.keep(key, token));
            return self.unless_used(token, used);
        }
        let bearer = bearer.map_err(|reason| self.no_answer(&reason))?;
        let asked = challenge.parameter("scope").unwrap_or_default();
        let scopes = context.scopes.clone().and_challenged(asked);
        let token = self.fetch(context.wire, &bearer, &scopes, credentials.as_ref()).await?;
        state.scheme = Scheme::Bearer(bearer);
        Ok(state.keep(key, token))
    }

    async fn answer_basic(
        &self,
        state: &mut State,
        context: LoginContext<'_>,
        used: Option<&Authorization>,
    ) -> Result<Authorization, LoginError> {
        state.scheme = Scheme::Basic;
        // Another request was faster.
        let known = state.login(context.repository).and_then(token::basic);
        if let Some(login) = known.filter(|login| used != Some(login)) {
            return Ok(login);
        }
        let credentials = self
            .credentials(state, context, Refused::by(used))
            .await?
            .ok_or_else(|| LoginError::NoAnswer(self.without_credentials(context.scopes)))?;
        self.unless_used(state.keep_login(context.repository, credentials), used)
    }

    async fn credentials(
        &self,
        state: &State,
        context: LoginContext<'_>,
        refused: Refused,
    ) -> Result<Option<Credentials>, Error> {
        let scopes: Vec<_> = context.scopes.iter().collect();
        let request = CredentialRequest {
            registry: &self.registry,
            repository: context.repository,
            scopes: &scopes,
            challenge: state.challenge.as_ref(),
            is_refused: refused == Refused::Yes,
        };
        context.keyring.find(&request).await
    }

    /// A token by credentials that are looked for anew, as the last ones were refused.
    async fn new_token(
        &self,
        state: &State,
        context: LoginContext<'_>,
        bearer: &Bearer,
    ) -> Result<Token, Error> {
        let credentials = self.credentials(state, context, Refused::Yes).await.ok().flatten();
        if let Some(token) = credentials.as_ref().and_then(Token::of_registry) {
            return Ok(token);
        }
        self.fetch(context.wire, bearer, context.scopes, credentials.as_ref()).await
    }

    /// Reads a bearer challenge, and says why not if its realm is not a place for credentials.
    fn bearer(&self, challenge: &Challenge) -> Result<Bearer, String> {
        let realm = challenge.parameter("realm").ok_or("does not name its token server")?;
        let realm = Url::parse(realm).ok().filter(|url| url.username().is_empty());
        let realm = realm.filter(|url| url.password().is_none());
        let pair = realm.and_then(|realm| Some((Origin::of(&realm)?, realm)));
        let (origin, mut realm) = pair.ok_or("names a token server whose URL cannot be used")?;
        realm.set_fragment(None);
        let is_itself = !self.origin.is_secure() && origin.is_same_server(&self.origin);
        if !origin.is_secure() && !is_itself && !self.allowed.contains(&origin) {
            return Err(format!(
                "names the token server `{origin}`, and credentials are not sent over http; \
                 `Config::danger_token_server` allows it"
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
        let told = printable(&scopes.to_string(), 500);
        trace::token(&self.registry, &bearer.realm, &told, credentials.is_none());
        let request = bearer.request(scopes, credentials);
        let secrets = credentials.map(Secrets::of_credentials).unwrap_or_default();
        let answer = fetch(wire, request, &secrets, &action).await.map_err(|error| {
            let is_refused = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied);
            match credentials {
                None if is_refused => error.because(self.without_credentials(scopes)),
                Some(_) if is_refused => error.because("it refuses the configured credentials"),
                _ => error,
            }
        })?;
        let token = Token::parse(&answer, Instant::now(), credentials.is_none());
        token.ok_or_else(|| {
            let error = Error::new(ErrorKind::Protocol, action);
            // Text could be a token itself.
            let is_explained = matches!(answer.trim_ascii_start().first(), Some(b'{' | b'<'));
            let codes = match is_explained {
                true => registry_errors(&answer, &secrets),
                false => Vec::new(),
            };
            error.because("the answer holds no token").with_codes(codes)
        })
    }

    /// `authorization`, unless it is missing or was refused already.
    fn unless_used(
        &self,
        authorization: Option<Authorization>,
        used: Option<&Authorization>,
    ) -> Result<Authorization, LoginError> {
        let authorization = authorization.ok_or_else(|| {
            self.no_answer("wants credentials of another kind than those that are configured")
        })?;
        if used == Some(&authorization) {
            return Err(self.no_answer("refuses the configured credentials"));
        }
        Ok(authorization)
    }

    /// `what` it does instead.
    fn no_answer(&self, what: &str) -> LoginError {
        LoginError::NoAnswer(format!("`{}` {what}", self.registry))
    }
}
