use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{header, request};
use oci_image::RepositoryName;
use oci_image::distribution::{ErrorCode, Scope};
use serde_json::json;
use uuid::Uuid;

use super::{Account, Action, Auth, Grant, jwt, split_basic};
use crate::access::Access;
use crate::call::Asked;
use crate::places::{Owner, Places};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::registry::Shared;
use crate::{Limits, Peer};

/// The tokens that were given.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    access: Places<String, Given>,
    refresh: Places<String, Refresh>,
    /// Users whose signed tokens were revoked, and when that was, since 1970.
    revoked: HashMap<String, Duration>,
}

struct Refresh {
    user: String,
    given: Instant,
}

struct Given {
    /// Without one, it was given to somebody without credentials.
    user: Option<String>,
    grants: Vec<Grant>,
    given: Instant,
    age: Duration,
    uses: u64,
}

/// What a client asks the token endpoint for.
pub(crate) struct TokenRequest {
    login: Login,
    scopes: Vec<(RepositoryName, Vec<Action>)>,
    wants_refresh: bool,
    /// Who asks, if the address is known.
    peer: Option<IpAddr>,
}

enum Login {
    Anonymous,
    Password { name: String, password: String },
    Refresh(String),
    Broken,
}

impl TokenRequest {
    /// `GET /token?service=…&scope=…`, with basic credentials or none.
    pub(crate) fn from_query(query: &Query, head: &request::Parts) -> Self {
        let login = match head.headers.get(header::AUTHORIZATION) {
            None => Login::Anonymous,
            Some(value) => {
                let text = value.to_str().unwrap_or_default();
                let basic = text.split_once(' ').filter(|it| it.0.eq_ignore_ascii_case("basic"));
                match basic.and_then(|it| split_basic(it.1)) {
                    Some((name, password)) => Login::Password { name, password },
                    None => Login::Broken,
                }
            }
        };
        let wants_refresh = query.first("offline_token") == Some("true");
        Self { login, scopes: scopes(query), wants_refresh, peer: Peer::of(head) }
    }

    /// `POST /token` with a form, in the manner of OAuth 2.
    pub(crate) fn from_form(form: &Query, head: &request::Parts) -> Self {
        let field = |name| form.first(name).unwrap_or_default().to_owned();
        let login = match form.first("grant_type") {
            Some("password") => {
                Login::Password { name: field("username"), password: field("password") }
            }
            Some("refresh_token") => Login::Refresh(field("refresh_token")),
            _ => Login::Broken,
        };
        let wants_refresh = form.first("access_type") == Some("offline");
        Self { login, scopes: scopes(form), wants_refresh, peer: Peer::of(head) }
    }
}

/// All scopes that are asked for, as repeated values or in one, separated by spaces. In a query a plus
/// may stand for a space, and no repository has one.
fn scopes(query: &Query) -> Vec<(RepositoryName, Vec<Action>)> {
    query.all("scope").flat_map(|scopes| scopes.split([' ', '+'])).filter_map(scope).collect()
}

fn scope(text: &str) -> Option<(RepositoryName, Vec<Action>)> {
    let Scope { repository, actions, .. } = Scope::parse(text)?;
    let is_asked = |action: &Action| actions.contains("*") || actions.contains(action.name());
    Some((repository, Action::ALL.into_iter().filter(is_asked).collect()))
}

impl Tokens {
    /// Whose this token is and what it is good for, if for anything. Counts as one use.
    pub(super) fn grants(&self, token: &str) -> Option<(Option<String>, Vec<Grant>)> {
        let mut given = self.lock();
        let access = given.access.get(token)?;
        if access.is_good() {
            access.uses -= 1;
            return Some((access.user.clone(), access.grants.clone()));
        }
        given.access.remove(token);
        None
    }

    /// Ends all tokens of a user.
    pub(super) fn revoke(&self, user: &str) {
        let mut given = self.lock();
        given.access.retain(|_, access| access.user.as_deref() != Some(user));
        given.refresh.retain(|_, refresh| refresh.user != user);
        given.revoked.insert(user.to_owned(), jwt::now());
    }

    /// Whether a signed token that was given then has been revoked since. Those of the same second are, too.
    pub(super) fn is_revoked(&self, user: &str, given: f64) -> bool {
        self.lock().revoked.get(user).is_some_and(|revoked| given <= revoked.as_secs_f64())
    }

    /// Grants of what was asked for that which the user may.
    pub(super) async fn answer(
        &self,
        auth: &Auth,
        request: &TokenRequest,
        asked: Asked<'_>,
        shared: &Shared,
    ) -> Result<serde_json::Value, Refusal> {
        let (gate, limits) = (&shared.gate, &shared.limits);
        let user = self.login(auth, &request.login).await;
        let user = user.inspect_err(|_| gate.refused(asked, request.peer))?;
        let identity = auth.identity(user, request.peer);
        let grants = request.scopes.iter().map(|(repository, actions)| {
            let mut actions = actions.clone();
            let access = |action: &Action| Access::new(*action, repository);
            actions.retain(|action| gate.decide(asked, &identity, access(action)).is_ok());
            Grant::new(repository.as_str(), actions)
        });
        let (owner, user) = (&identity.owner, &identity.caller.user);
        let grants: Vec<_> = grants.collect();
        let token = match auth.jwt.as_ref().and_then(|jwt| jwt.signer.as_ref()) {
            Some(signer) => {
                let good_for = (grants.as_slice(), auth.token_age);
                jwt::issue(signer, &auth.service, user.as_deref(), good_for)
            }
            None => {
                let (given, user) = (Instant::now(), user.clone());
                let access =
                    Given { user, grants, given, age: auth.token_age, uses: auth.token_uses };
                keep(&mut self.lock().access, owner, access, limits)
            }
        };
        let mut answer = json!({
            "token": token, "access_token": token, "expires_in": auth.token_age.as_secs(),
        });
        if let Some(members) = answer.as_object_mut() {
            members.retain(|name, _| auth.token_members.contains(&name.as_str()));
        }
        if let (Some(user), true) = (user, request.wants_refresh) {
            let refresh = Refresh { user: user.clone(), given: Instant::now() };
            answer["refresh_token"] = keep(&mut self.lock().refresh, owner, refresh, limits).into();
        }
        Ok(answer)
    }

    async fn login(&self, auth: &Auth, login: &Login) -> Result<Option<Account>, Refusal> {
        let user = match login {
            Login::Anonymous => return Ok(None),
            Login::Broken => None,
            Login::Password { name, password } => auth.login(name, password).await,
            Login::Refresh(token) => {
                self.refreshed(token, auth.refresh_age).and_then(|name| auth.account(name))
            }
        };
        let wrong = || Refusal::new(ErrorCode::Unauthorized, "these credentials are not right");
        user.map(Some).ok_or_else(wrong)
    }

    /// The user that a refresh token was given to, if that was not too long ago.
    fn refreshed(&self, token: &str, age: Duration) -> Option<String> {
        let mut given = self.lock();
        let refresh = given.refresh.get(token)?;
        if refresh.given.elapsed() < age {
            return Some(refresh.user.clone());
        }
        given.refresh.remove(token);
        None
    }

    /// Each change of the maps is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Given {
    fn is_good(&self) -> bool {
        self.uses > 0 && self.given.elapsed() < self.age
    }
}

/// A token for `value`. Where all places are taken, whoever has most of them loses the token that it used longest ago,
/// and has to ask for another.
fn keep<T>(places: &mut Places<String, T>, owner: &Owner, value: T, limits: &Limits) -> String {
    while places.len() >= limits.tokens.max(1) {
        let Some(token) = places.first_to_go(|_| true) else { break };
        places.remove(&token);
    }
    let token = random();
    places.insert(owner.clone(), token.clone(), value);
    token
}

/// 244 random bits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
