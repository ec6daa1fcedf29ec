use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{header, request};
use oci_digest::Digest;
use oci_image::distribution::ErrorCode;

use crate::call::Asked;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::{Peer, host};

mod challenge;
mod grant;
#[cfg(feature = "htpasswd")]
mod htpasswd;
#[cfg(not(feature = "htpasswd"))]
#[path = "auth/off/htpasswd.rs"]
mod htpasswd;
mod identity;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(not(feature = "jwt"))]
#[path = "auth/off/jwt.rs"]
mod jwt;
mod robot;
mod token;

use challenge::Challenge;
pub(crate) use grant::Need;
pub use grant::{Action, Grant};
#[cfg(not(feature = "htpasswd"))]
use htpasswd::Htpasswd;
#[cfg(feature = "htpasswd")]
pub use htpasswd::{Htpasswd, HtpasswdError};
pub(crate) use identity::Identity;
use jwt::Jwt;
#[cfg(feature = "jwt")]
pub use jwt::{JwtKeys, JwtKeysError, JwtSigner, JwtSignerError};
pub use robot::Robot;
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
    robots: Vec<Robot>,
    /// Further users, and what is granted to each of them.
    htpasswd: Option<(Htpasswd, Vec<Grant>)>,
    anonymous: Vec<Grant>,
    jwt: Option<Jwt>,
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
            robots: Vec::new(),
            htpasswd: None,
            anonymous: Vec::new(),
            jwt: None,
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

    /// Adds a robot account.
    #[must_use]
    pub fn robot(mut self, robot: Robot) -> Self {
        self.robots.push(robot);
        self
    }

    #[cfg(feature = "htpasswd")]
    /// Adds the users of a file, to each of whom the same is granted. They change with it.
    #[must_use]
    pub fn htpasswd(mut self, users: Htpasswd, grants: impl IntoIterator<Item = Grant>) -> Self {
        self.htpasswd = Some((users, grants.into_iter().collect()));
        self
    }

    #[cfg(feature = "jwt")]
    /// Takes tokens that `issuer` signed with one of `keys`, for this [service](Self::service). The registry gives none
    /// itself: say [where](Self::realm) they are given.
    #[must_use]
    pub fn jwt(mut self, issuer: impl Into<String>, keys: JwtKeys) -> Self {
        self.jwt = Some(Jwt { issuer: Some(issuer.into()), keys, signer: None });
        self
    }

    #[cfg(feature = "jwt")]
    /// Gives signed tokens, which every registry with the same key and [service](Self::service) takes. They are good for
    /// any number of requests.
    #[must_use]
    pub fn sign(mut self, signer: JwtSigner) -> Self {
        let keys = signer.keys();
        self.jwt = Some(Jwt { issuer: None, keys, signer: Some(signer) });
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
        let peer = Peer::of(head);
        let Some(credentials) = head.headers.get(header::AUTHORIZATION) else {
            let grants = self.anonymous.clone();
            return Ok(Identity::anonymous(peer, grants, Some(challenge)));
        };
        let (scheme, value) =
            credentials.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        let grants = match self.scheme {
            Scheme::Basic if scheme.eq_ignore_ascii_case("basic") => self.by_password(value).await,
            Scheme::Bearer if self.also_basic && scheme.eq_ignore_ascii_case("basic") => {
                self.by_password(value).await
            }
            Scheme::Bearer if scheme.eq_ignore_ascii_case("bearer") => self.by_token(value.trim()),
            _ => None,
        };
        match grants {
            Some((user, grants)) => Ok(Identity::known(user, peer, grants, Some(challenge))),
            None => Err(challenge.refusal(None, Some("invalid_token"))),
        }
    }

    /// Whose token this is, and what it is good for.
    fn by_token(&self, token: &str) -> Option<(Option<String>, Vec<Grant>)> {
        let Some(jwt) = &self.jwt else { return self.tokens.grants(token) };
        let claims = jwt.claims(token, &self.service)?;
        let is_revoked = claims
            .user
            .as_deref()
            .is_some_and(|user| self.tokens.is_revoked(user, claims.issued.unwrap_or_default()));
        (!is_revoked).then_some((claims.user, claims.grants))
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
        let mut robots = self.robots.iter();
        if let Some(robot) = robots.find(|robot| robot.name == name) {
            let account = || Account { name: name.to_owned(), grants: robot.grants.clone() };
            return robot.is_let_in(&digest).then(account);
        }
        let (htpasswd, grants) = self.htpasswd.as_ref()?;
        let is_right = htpasswd.check(name, password).await;
        is_right.then(|| Account { name: name.to_owned(), grants: grants.clone() })
    }

    /// The user of this name, who has logged in before.
    fn account(&self, name: String) -> Option<Account> {
        let user = self.users.iter().find(|user| user.name == name);
        let robot = self.robots.iter().find(|robot| robot.name == name && !robot.has_expired());
        let in_file = self.htpasswd.as_ref().filter(|(htpasswd, _)| htpasswd.has(&name));
        let user = user.map(|user| &user.grants).or(robot.map(|robot| &robot.grants));
        let grants = user.or(in_file.map(|(_, grants)| grants))?.clone();
        Some(Account { name, grants })
    }

    /// Who asks for a token, by account or without.
    fn identity(&self, account: Option<Account>, peer: Option<IpAddr>) -> Identity {
        match account {
            Some(Account { name, grants }) => Identity::known(Some(name), peer, grants, None),
            None => Identity::anonymous(peer, self.anonymous.clone(), None),
        }
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
        asked: Asked<'_>,
        shared: &Shared,
    ) -> Result<serde_json::Value, Refusal> {
        let is_elsewhere = self.jwt.as_ref().is_some_and(|jwt| jwt.signer.is_none());
        if self.scheme != Scheme::Bearer || is_elsewhere {
            return Err(Refusal::new(ErrorCode::Unsupported, "there are no tokens here")
                .status(http::StatusCode::NOT_FOUND));
        }
        self.tokens.answer(self, request, asked, shared).await
    }
}

fn split_basic(basic: &str) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(basic.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
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
