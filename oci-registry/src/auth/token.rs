use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use oci_image::RepositoryName;
use oci_image::distribution::{ErrorCode, Scope};
use serde_json::json;
use uuid::Uuid;

use super::{Action, Auth, Grant, User, split_basic};
use crate::Limits;
use crate::query::Query;
use crate::refusal::Refusal;

/// The tokens that were given.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Given>);

#[derive(Default)]
struct Given {
    access: HashMap<String, Access>,
    /// User names by refresh token.
    refresh: HashMap<String, String>,
}

struct Access {
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
}

enum Login {
    Anonymous,
    Password { name: String, password: String },
    Refresh(String),
    Broken,
}

impl TokenRequest {
    /// `GET /token?service=…&scope=…`, with basic credentials or none.
    pub(crate) fn from_query(query: &Query, headers: &HeaderMap) -> Self {
        let login = match headers.get(header::AUTHORIZATION) {
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
        Self { login, scopes: scopes(query), wants_refresh }
    }

    /// `POST /token` with a form, in the manner of OAuth 2.
    pub(crate) fn from_form(form: &Query) -> Self {
        let field = |name| form.first(name).unwrap_or_default().to_owned();
        let login = match form.first("grant_type") {
            Some("password") => {
                Login::Password { name: field("username"), password: field("password") }
            }
            Some("refresh_token") => Login::Refresh(field("refresh_token")),
            _ => Login::Broken,
        };
        let wants_refresh = form.first("access_type") == Some("offline");
        Self { login, scopes: scopes(form), wants_refresh }
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
    /// What this token is good for, if for anything. Counts as one use.
    pub(super) fn grants(&self, token: &str) -> Option<Vec<Grant>> {
        let mut given = self.lock();
        let access = given.access.get_mut(token).filter(|access| access.is_good())?;
        access.uses -= 1;
        Some(access.grants.clone())
    }

    /// Grants of what was asked for that which the user may.
    pub(super) fn answer(
        &self,
        auth: &Auth,
        request: &TokenRequest,
        limits: &Limits,
    ) -> Result<serde_json::Value, Refusal> {
        let user = self.login(auth, &request.login)?;
        let mine = user.map_or(&auth.anonymous, |user| &user.grants);
        let grants = request.scopes.iter().map(|(repository, actions)| {
            let mut actions = actions.clone();
            actions.retain(|action| mine.iter().any(|grant| grant.allows(*action, repository)));
            Grant::new(repository.as_str(), actions)
        });
        let access = Access {
            grants: grants.collect(),
            given: Instant::now(),
            age: auth.token_age,
            uses: auth.token_uses,
        };
        let token = self.keep(access, limits)?;
        let mut answer = json!({
            "token": token, "access_token": token, "expires_in": auth.token_age.as_secs(),
        });
        if let (Some(user), true) = (user, request.wants_refresh) {
            answer["refresh_token"] = self.refresh_token(user, limits)?.into();
        }
        Ok(answer)
    }

    fn login<'a>(&self, auth: &'a Auth, login: &Login) -> Result<Option<&'a User>, Refusal> {
        let user = match login {
            Login::Anonymous => return Ok(None),
            Login::Broken => None,
            Login::Password { name, password } => auth.login(name, password),
            Login::Refresh(token) => {
                let name = self.lock().refresh.get(token).cloned();
                auth.users.iter().find(|user| Some(&user.name) == name.as_ref())
            }
        };
        let wrong = || Refusal::new(ErrorCode::Unauthorized, "these credentials are not right");
        user.map(Some).ok_or_else(wrong)
    }

    fn keep(&self, access: Access, limits: &Limits) -> Result<String, Refusal> {
        let mut given = self.lock();
        given.access.retain(|_, access| access.is_good());
        if given.access.len() >= limits.tokens {
            return Err(too_many());
        }
        let token = random();
        given.access.insert(token.clone(), access);
        Ok(token)
    }

    fn refresh_token(&self, user: &User, limits: &Limits) -> Result<String, Refusal> {
        let mut given = self.lock();
        if given.refresh.len() >= limits.tokens {
            return Err(too_many());
        }
        let token = random();
        given.refresh.insert(token.clone(), user.name.clone());
        Ok(token)
    }

    /// Each change of the maps is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Access {
    fn is_good(&self) -> bool {
        self.uses > 0 && self.given.elapsed() < self.age
    }
}

fn too_many() -> Refusal {
    Refusal::new(ErrorCode::TooManyRequests, "too many tokens are valid")
        .header(header::RETRY_AFTER, HeaderValue::from_static("10"))
}

/// 244 random bits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
