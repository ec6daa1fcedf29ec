//! Signed tokens, as the specification of tokens of `distribution` has them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oci_image::RepositoryName;
use oci_image::json::{self, Value};
use serde_json::json;
use uuid::Uuid;

use super::{Action, Grant};

mod keys;
mod signer;

pub use keys::{JwtKeys, JwtKeysError};
pub use signer::{JwtSigner, JwtSignerError};

/// Which signed tokens are good here.
#[derive(Clone)]
pub(super) struct Jwt {
    /// Who gives them; the registry's own service if nothing else is said.
    pub(super) issuer: Option<String>,
    pub(super) keys: JwtKeys,
    /// Where the registry's own service gives them.
    pub(super) signer: Option<JwtSigner>,
}

/// What a token says whose signature was right.
pub(super) struct Claims {
    /// Without one, it was given to somebody without credentials.
    pub(super) user: Option<String>,
    pub(super) grants: Vec<Grant>,
    /// In seconds since 1970.
    pub(super) issued: Option<f64>,
}

/// How far the clocks of two machines may differ.
const LEEWAY: Duration = Duration::from_secs(60);

impl Jwt {
    /// What a token says, if it is signed by a key that is known here, of `issuer`, for `service`, and good now.
    pub(super) fn claims(&self, token: &str, service: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let head = object(head)?;
        // An extension that must be understood is none that is.
        if head.contains_key("crit") {
            return None;
        }
        let algorithm = head.get("alg").and_then(Value::as_str)?;
        // Keys that a token brings along (`jwk`, `jku`, `x5c`) are anybody's, and are not looked at.
        let id = match head.get("kid") {
            Some(id) => Some(id.as_str()?),
            None => None,
        };
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.keys.verify(algorithm, id, signed.as_bytes(), &signature) {
            return None;
        }
        let issuer = self.issuer.as_deref().unwrap_or(service);
        Claims::read(&object(claims)?, issuer, service)
    }
}

impl Claims {
    fn read(claims: &BTreeMap<String, Value>, issuer: &str, service: &str) -> Option<Self> {
        let now = now().as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        let is_of_issuer = claims.get("iss").and_then(Value::as_str) == Some(issuer);
        let is_for_service = match claims.get("aud")? {
            Value::String(audience) => audience == service,
            Value::Array(audiences) => audiences.iter().any(|it| it.as_str() == Some(service)),
            _ => false,
        };
        // Without an end, it would be good for ever.
        let is_before_end = now < time(claims.get("exp")?)? + leeway;
        let is_after_start = match claims.get("nbf") {
            Some(start) => time(start)? <= now + leeway,
            None => true,
        };
        if !(is_of_issuer && is_for_service && is_before_end && is_after_start) {
            return None;
        }
        let user = match claims.get("sub") {
            Some(user) => Some(user.as_str()?).filter(|user| !user.is_empty()),
            None => None,
        };
        let issued = match claims.get("iat") {
            Some(issued) => Some(time(issued)?),
            None => None,
        };
        let grants = match claims.get("access") {
            Some(Value::Array(scopes)) => scopes.iter().filter_map(grant).collect(),
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return None,
        };
        Some(Self { user: user.map(str::to_owned), grants, issued })
    }
}

/// What a scope grants; what is not a repository is granted by other registries.
fn grant(scope: &Value) -> Option<Grant> {
    let Value::Object(scope) = scope else { return None };
    if scope.get("type")?.as_str()? != "repository" {
        return None;
    }
    // A name and no pattern, whatever it looks like.
    let repository: RepositoryName = scope.get("name")?.as_str()?.parse().ok()?;
    let Value::Array(named) = scope.get("actions")? else { return None };
    let is_named = |action: &Action| {
        named.iter().filter_map(Value::as_str).any(|it| it == action.name() || it == "*")
    };
    Some(Grant::new(repository.as_str(), Action::ALL.into_iter().filter(is_named)))
}

/// A token of the registry's own service, good for `age`.
pub(super) fn issue(
    signer: &JwtSigner,
    service: &str,
    user: Option<&str>,
    (grants, age): (&[Grant], Duration),
) -> String {
    let now = now().as_secs();
    let access: Vec<_> = grants.iter().map(Grant::to_scope).collect();
    let claims = json!({
        "iss": service,
        "sub": user.unwrap_or_default(),
        "aud": service,
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(age.as_secs()),
        "jti": Uuid::new_v4().to_string(),
        "access": access,
    });
    signer.sign(&claims)
}

fn object(part: &str) -> Option<BTreeMap<String, Value>> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    match json::from_slice(&text).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// Seconds since 1970. What is not such a number makes the whole token a bad one: the claim is not absent.
fn time(value: &Value) -> Option<f64> {
    let Value::Number(number) = value else { return None };
    number.as_str().parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
}

/// Since 1970; a clock before that is one at that time.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
