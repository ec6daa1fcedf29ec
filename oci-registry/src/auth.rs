use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, header, request};
use oci_digest::Digest;
use oci_image::RepositoryName;
use oci_image::distribution::{self, ErrorCode};

use crate::places::Owner;
use crate::refusal::Refusal;
use crate::{Limits, Peer, host};

mod grant;
#[cfg(feature = "htpasswd")]
mod htpasswd;
#[cfg(not(feature = "htpasswd"))]
#[path = "auth/off.rs"]
mod htpasswd;
mod token;

pub(crate) use grant::Need;
pub use grant::{Action, Grant};
#[cfg(not(feature = "htpasswd"))]
use htpasswd::Htpasswd;
#[cfg(feature = "htpasswd")]
pub use htpasswd::{Htpasswd, HtpasswdError};
pub(crate) use token::TokenRequest;
use token::Tokens;

/// Who may do what. Without one, everybody may do everything.
///
/// ```
/// use oci_registry::{Action, Auth, Grant};
///
/// let auth = Auth::bearer()
///     .user("alice", "secret", [Grant::all("team/*")])
///     .anonymous([Grant::new("public/*", [Action::Pull])]);
/// ```
#[derive(Clone)]
pub struct Auth {
    scheme: Scheme,
    service: String,
    realm: Option<String>,
    /// Whether user and password are taken with each request although there are tokens.
    also_basic: bool,
    token_path: String,
    token_members: Vec<&'static str>,
    users: Vec<User>,
    /// Further users, and what is granted to each of them.
    htpasswd: Option<(Htpasswd, Vec<Grant>)>,
    anonymous: Vec<Grant>,
    token_age: Duration,
    token_uses: u64,
    refresh_age: Duration,
    tokens: Arc<Tokens>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

#[derive(Clone)]
struct User {
    name: String,
    /// A digest, so that comparing takes the same time whatever is wrong.
    password: Digest,
    grants: Vec<Grant>,
}

/// Whose credentials were right, and what it may do.
struct Account {
    name: String,
    grants: Vec<Grant>,
}

/// The caller, as far as the registry can know it, and so what it may do.
#[derive(Debug)]
pub(crate) struct Identity {
    grants: Vec<Grant>,
    /// It has shown credentials, and they were right.
    known: bool,
    /// Who is to be charged for what it makes the server keep.
    pub(crate) owner: Owner,
    /// What to answer when it may not.
    challenge: Option<Challenge>,
}

#[derive(Debug)]
struct Challenge {
    scheme: Scheme,
    realm: String,
    service: String,
    also_basic: bool,
}

/// Where tokens are given if nothing else is said.
const TOKEN_PATH: &str = "/token";

impl Auth {
    /// By user name and password with each request.
    pub fn basic() -> Self {
        Self::new(Scheme::Basic)
    }

    /// By tokens, which the registry itself gives at `/token` for user name and password: by `GET`,
    /// and by `POST` in the manner of OAuth 2 with refresh tokens. Tokens are random text; the
    /// registry keeps what they are good for.
    pub fn bearer() -> Self {
        Self::new(Scheme::Bearer)
    }

    fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            service: "oci-registry".into(),
            realm: None,
            also_basic: false,
            token_path: TOKEN_PATH.into(),
            token_members: vec!["token", "access_token", "expires_in"],
            users: Vec::new(),
            htpasswd: None,
            anonymous: Vec::new(),
            token_age: Duration::from_secs(300),
            token_uses: u64::MAX,
            refresh_age: Duration::from_secs(30 * 24 * 60 * 60),
            tokens: Arc::default(),
        }
    }

    /// Adds a user.
    #[must_use]
    pub fn user(
        mut self,
        name: impl Into<String>,
        password: impl AsRef<[u8]>,
        grants: impl IntoIterator<Item = Grant>,
    ) -> Self {
        let (name, password) = (name.into(), Digest::sha256(password));
        self.users.push(User { name, password, grants: grants.into_iter().collect() });
        self
    }

    #[cfg(feature = "htpasswd")]
    /// Adds the users of a file, to each of whom the same is granted. They change with it.
    #[must_use]
    pub fn htpasswd(mut self, users: Htpasswd, grants: impl IntoIterator<Item = Grant>) -> Self {
        self.htpasswd = Some((users, grants.into_iter().collect()));
        self
    }

    /// What is granted without credentials; everything else is not.
    #[must_use]
    pub fn anonymous(mut self, grants: impl IntoIterator<Item = Grant>) -> Self {
        self.anonymous.extend(grants);
        self
    }

    /// Takes user name and password with each request as well, where there are tokens, and says so in a second challenge.
    #[must_use]
    pub fn or_basic(mut self) -> Self {
        self.also_basic = true;
        self
    }

    /// What the registry calls itself in challenges. Default `oci-registry`.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// Where tokens are given, from the `/` on. Default `/token`.
    #[must_use]
    pub fn token_path(mut self, path: impl Into<String>) -> Self {
        self.token_path = path.into();
        self
    }

    /// What is told with a token, of `token`, `access_token` and `expires_in`. Default: all of them.
    #[must_use]
    pub fn token_members(mut self, members: impl IntoIterator<Item = &'static str>) -> Self {
        self.token_members = members.into_iter().collect();
        self
    }

    /// The realm of challenges. By default the [path for tokens](Self::token_path) over http of the host that the client
    /// asked (bearer), or the name of the service (basic). Behind TLS clients refuse that default: give them the URL.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// How long a token is good. Default 5 minutes.
    #[must_use]
    pub fn token_age(mut self, age: Duration) -> Self {
        self.token_age = age;
        self
    }

    /// For how many requests a token is good, so that a test can let it end in the middle of a push.
    /// Default: any number.
    #[must_use]
    pub fn token_uses(mut self, uses: u64) -> Self {
        self.token_uses = uses;
        self
    }

    /// How long a refresh token is good. Default 30 days.
    #[must_use]
    pub fn refresh_age(mut self, age: Duration) -> Self {
        self.refresh_age = age;
        self
    }

    /// Ends all tokens of a user, also those to refresh with.
    pub(crate) fn revoke(&self, user: &str) {
        self.tokens.revoke(user);
    }

    /// The caller that sent this head.
    pub(crate) async fn identify(&self, head: &request::Parts) -> Result<Identity, Refusal> {
        let challenge = self.challenge(host::of(head));
        let stranger = Owner::anonymous(Peer::of(head));
        let Some(credentials) = head.headers.get(header::AUTHORIZATION) else {
            return Ok(Identity {
                grants: self.anonymous.clone(),
                known: false,
                owner: stranger,
                challenge: Some(challenge),
            });
        };
        let (scheme, value) =
            credentials.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        let grants = match self.scheme {
            Scheme::Basic if scheme.eq_ignore_ascii_case("basic") => self.by_password(value).await,
            Scheme::Bearer if self.also_basic && scheme.eq_ignore_ascii_case("basic") => {
                self.by_password(value).await
            }
            Scheme::Bearer if scheme.eq_ignore_ascii_case("bearer") => {
                self.tokens.grants(value.trim())
            }
            _ => None,
        };
        match grants {
            Some((user, grants)) => {
                let owner = user.map_or(stranger, Owner::User);
                Ok(Identity { grants, known: true, owner, challenge: Some(challenge) })
            }
            None => Err(challenge.refusal(None, Some("invalid_token"))),
        }
    }

    async fn by_password(&self, basic: &str) -> Option<(Option<String>, Vec<Grant>)> {
        let (name, password) = split_basic(basic)?;
        let account = self.login(&name, &password).await?;
        Some((Some(account.name), account.grants))
    }

    async fn login(&self, name: &str, password: &str) -> Option<Account> {
        let digest = Digest::sha256(password);
        let mut users = self.users.iter();
        if let Some(user) = users.find(|user| user.name == name && user.password == digest) {
            return Some(Account { name: name.to_owned(), grants: user.grants.clone() });
        }
        let (htpasswd, grants) = self.htpasswd.as_ref()?;
        let is_right = htpasswd.check(name, password).await;
        is_right.then(|| Account { name: name.to_owned(), grants: grants.clone() })
    }

    /// The user of this name, who has logged in before.
    fn account(&self, name: String) -> Option<Account> {
        let user = self.users.iter().find(|user| user.name == name);
        let in_file = self.htpasswd.as_ref().filter(|(htpasswd, _)| htpasswd.has(&name));
        let grants = user.map(|user| &user.grants).or(in_file.map(|(_, grants)| grants))?.clone();
        Some(Account { name, grants })
    }

    fn challenge(&self, host: &str) -> Challenge {
        let realm = self.realm.clone().unwrap_or_else(|| match self.scheme {
            Scheme::Basic => self.service.clone(),
            Scheme::Bearer => format!("http://{host}{}", self.token_path),
        });
        let (service, also_basic) = (self.service.clone(), self.also_basic);
        Challenge { scheme: self.scheme, realm, service, also_basic }
    }

    /// Whether tokens are given at this path, by `auth` if there is any.
    pub(crate) fn is_token_path(auth: Option<&Self>, path: &str) -> bool {
        path == auth.map_or(TOKEN_PATH, |auth| &auth.token_path)
    }

    /// Gives a token, if there are tokens here at all.
    pub(crate) async fn give_token(
        &self,
        request: &TokenRequest,
        limits: &Limits,
    ) -> Result<serde_json::Value, Refusal> {
        if self.scheme != Scheme::Bearer {
            return Err(Refusal::new(ErrorCode::Unsupported, "there are no tokens here")
                .status(http::StatusCode::NOT_FOUND));
        }
        self.tokens.answer(self, request, limits).await
    }
}

fn split_basic(basic: &str) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(basic.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

impl Identity {
    /// A caller where there is no authorization.
    pub(crate) fn anybody(head: &request::Parts) -> Self {
        let owner = Owner::anonymous(Peer::of(head));
        Self { grants: vec![Grant::all("*")], known: true, owner, challenge: None }
    }

    pub(crate) fn may(&self, action: Action, repository: &RepositoryName) -> bool {
        self.grants.iter().any(|grant| grant.allows(action, repository))
    }

    /// The one place where a request is let through: every route says what it needs.
    pub(crate) fn require(&self, need: Need<'_>) -> Result<(), Refusal> {
        let allowed = match need {
            Need::Nothing => true,
            Need::Identity => self.known,
            Need::Access(..) | Need::Mount { .. } => {
                need.access().is_some_and(|(action, repository)| self.may(action, repository))
            }
        };
        match &self.challenge {
            _ if allowed => Ok(()),
            Some(challenge) if !self.known => Err(challenge.refusal(Some(need), None)),
            Some(challenge) if challenge.scheme == Scheme::Bearer => {
                Err(challenge.refusal(Some(need), Some("insufficient_scope")))
            }
            _ => Err(Refusal::new(ErrorCode::Denied, "you may not do this here")),
        }
    }
}

impl Challenge {
    fn header(&self, need: Option<Need<'_>>, error: Option<&str>) -> distribution::Challenge {
        if self.scheme == Scheme::Basic {
            return distribution::Challenge::new("basic").with("realm", &self.realm);
        }
        let mut header = distribution::Challenge::new("bearer")
            .with("realm", &self.realm)
            .with("service", &self.service);
        if let Some(scopes) = need.and_then(Need::scopes) {
            header = header.with("scope", scopes);
        }
        match error {
            Some(error) => header.with("error", error),
            None => header,
        }
    }

    fn refusal(&self, need: Option<Need<'_>>, error: Option<&str>) -> Refusal {
        let refusal = Refusal::new(ErrorCode::Unauthorized, "authentication is required");
        let also = self.also_basic.then(|| distribution::Challenge::new("basic"));
        let also = also.map(|basic| basic.with("realm", &self.service));
        let challenges = [self.header(need, error)].into_iter().chain(also);
        let values = challenges.filter_map(|it| HeaderValue::try_from(it.to_string()).ok());
        values.fold(refusal, |refusal, value| refusal.header(header::WWW_AUTHENTICATE, value))
    }
}

/// Shows no password and no token.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<&str> = self.users.iter().map(|user| user.name.as_str()).collect();
        f.debug_struct("Auth")
            .field("scheme", &self.scheme)
            .field("users", &users)
            .field("anonymous", &self.anonymous)
            .finish_non_exhaustive()
    }
}
