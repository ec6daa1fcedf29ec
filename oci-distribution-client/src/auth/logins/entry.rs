use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::auth::Credentials;
use crate::auth::credentials::Secret;
use crate::auth::helper::TOKEN_USER;

/// One entry of `auths`. A `null` is a member that is not there.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Login {
    auth: Option<Zeroizing<String>>,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    identitytoken: Option<Zeroizing<String>>,
    registrytoken: Option<Zeroizing<String>>,
}

impl Login {
    /// What it holds, if it holds anything.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        if let Some(token) = text(self.registrytoken.as_ref()) {
            return Ok(Some(Credentials::registry_token(token)));
        }
        if let Some(token) = text(self.identitytoken.as_ref()) {
            return Ok(Some(Credentials::identity_token(token)));
        }
        let (user, password) = match text(self.auth.as_ref()) {
            Some(auth) => decode(auth)?,
            None => (
                self.username.clone().unwrap_or_default(),
                self.password.clone().unwrap_or_default(),
            ),
        };
        let is_given = !user.is_empty() || !password.is_empty();
        Ok(is_given.then(|| Credentials::basic(user, password.as_str())))
    }
}

/// The entry of `auths` that holds `credentials`, as docker and podman write it.
pub(crate) fn entry_of(credentials: &Credentials) -> Result<Zeroizing<String>, &'static str> {
    let pair = |user: &str, password: &str| {
        let pair = Zeroizing::new(format!("{user}:{password}"));
        Zeroizing::new(STANDARD.encode(pair.as_bytes()))
    };
    let member = |name: &str, value: &str| {
        Zeroizing::new(format!("\t\t\t\"{name}\": {}", serde_json::Value::from(value)))
    };
    let members = if let Some((user, password)) = credentials.as_basic() {
        if user.contains(':') {
            return Err("the user has a colon, which ends the name in a login file");
        }
        vec![member("auth", &pair(user, password.expose()))]
    } else if let Some(token) = credentials.as_identity_token() {
        // Programs of containers pass over what has no user.
        vec![member("auth", &pair(TOKEN_USER, "")), member("identitytoken", token.expose())]
    } else {
        let token = credentials.as_registry_token().map_or("", Secret::expose);
        vec![member("registrytoken", token)]
    };
    let members: Vec<_> = members.iter().map(|member| member.as_str()).collect();
    Ok(Zeroizing::new(format!("{{\n{}\n\t\t}}", members.join(",\n"))))
}

/// What is given and not empty.
fn text(member: Option<&Zeroizing<String>>) -> Option<&str> {
    member.map(|text| text.as_str()).filter(|text| !text.is_empty())
}

fn decode(auth: &str) -> Result<(String, Zeroizing<String>), &'static str> {
    let auth = auth.trim();
    let bytes = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth));
    let bytes = Zeroizing::new(bytes.map_err(|_| "`auth` is not base64")?);
    let text = std::str::from_utf8(&bytes).map_err(|_| "`auth` is not UTF-8")?;
    let (user, password) = text.split_once(':').ok_or("`auth` has no colon")?;
    // Some writers pad with NUL.
    let password = password.trim_end_matches('\0');
    Ok((user.to_owned(), Zeroizing::new(password.to_owned())))
}
