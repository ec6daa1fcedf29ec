use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::auth::Credentials;

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
