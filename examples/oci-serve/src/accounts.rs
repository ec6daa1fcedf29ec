use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use oci_registry::{Action, Auth, Grant, JwtSigner, Robot, Rule, Rules};
use serde::Deserialize;

use crate::Result;
use crate::files::Files;
use crate::settings::Settings;

/// `[[rule]]`: what some users may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RuleTable {
    /// Names, `PREFIX*`, or `*` for all users; without them, it is for those without credentials.
    #[serde(default)]
    users: Vec<String>,
    repositories: Vec<String>,
    actions: Vec<String>,
}

/// `[[immutable]]`: tags that are not moved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ImmutableTable {
    pub(crate) repositories: String,
    pub(crate) tags: String,
}

/// `[[robot]]`: an account of a program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RobotTable {
    name: String,
    /// The digest of its secret.
    secret: String,
    repositories: Vec<String>,
    actions: Vec<String>,
    expires: Option<String>,
}

fn grants(repositories: &[String], actions: &[String]) -> Result<Vec<Grant>> {
    let actions = actions.iter().map(|name| action(name)).collect::<Result<Vec<_>>>()?.concat();
    Ok(repositories.iter().map(|it| Grant::new(it, actions.iter().copied())).collect())
}

fn action(name: &str) -> Result<Vec<Action>> {
    if name == "*" {
        return Ok(Action::ALL.into());
    }
    let action = Action::ALL.into_iter().find(|action| action.name() == name);
    let action = action.ok_or_else(|| format!("`{name}` is not pull, push, delete or *"))?;
    Ok(vec![action])
}

impl RuleTable {
    pub(crate) fn grant(&self) -> Result<Vec<Rule>> {
        let grants = grants(&self.repositories, &self.actions)?;
        if self.users.is_empty() {
            return Ok(vec![Rule::anonymous(grants)]);
        }
        Ok(self.users.iter().map(|users| Rule::new(users, grants.clone())).collect())
    }
}

impl RobotTable {
    pub(crate) fn account(&self) -> Result<Robot> {
        let name = &self.name;
        let secret = self.secret.parse().map_err(|error| {
            format!("cannot read the secret of the robot `{name}`, which is a digest: {error}")
        })?;
        let robot = Robot::new(name, secret, grants(&self.repositories, &self.actions)?);
        let Some(expires) = &self.expires else { return Ok(robot) };
        let expires: Timestamp = expires
            .parse()
            .map_err(|error| format!("cannot read when the robot `{name}` expires: {error}"))?;
        // A time before 1970 is over, as 1970 is.
        let seconds = u64::try_from(expires.as_second()).unwrap_or_default();
        Ok(robot.expires(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
    }
}

/// Who is known here, and how; nobody has to be if there is nothing of it in the settings.
pub(crate) fn auth(settings: &Settings, files: &Files) -> Result<Option<Auth>> {
    let rules = !settings.rules.is_empty();
    let mut auth = match (&files.token_keys, settings.signs()) {
        (None, false) => Auth::basic(),
        _ => Auth::bearer(),
    };
    if let Some(service) = &settings.token_service {
        auth = auth.service(service);
    }
    if let Some(realm) = &settings.token_realm {
        auth = auth.realm(realm);
    }
    if let (Some(keys), Some(issuer)) = (&files.token_keys, &settings.token_issuer) {
        auth = auth.jwt(issuer, keys.clone());
    } else if settings.signs() {
        auth = auth.sign(signer(settings.token_key.as_deref())?);
    } else if files.users.is_none() && settings.robots.is_empty() {
        return Ok(None);
    }
    if let Some(users) = &files.users {
        auth = auth.htpasswd(users.clone(), [Grant::all("*")]);
    }
    for robot in &settings.robots {
        auth = auth.robot(robot.account()?);
    }
    // Where there are rules, they say what anybody may.
    if rules {
        auth = auth.anonymous([Grant::all("*")]);
    } else if settings.anonymous_pull {
        auth = auth.anonymous([Grant::new("*", [Action::Pull])]);
    }
    Ok(Some(auth))
}

/// The rules of the settings, if there are any.
pub(crate) fn rules(settings: &Settings) -> Result<Option<Rules>> {
    let rules: Vec<Vec<Rule>> =
        settings.rules.iter().map(RuleTable::grant).collect::<Result<_>>()?;
    Ok((!rules.is_empty()).then(|| Rules::new(rules.concat())))
}

fn signer(file: Option<&Path>) -> Result<JwtSigner> {
    let Some(file) = file else { return Ok(JwtSigner::random()?) };
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("cannot read the key of tokens in `{}`: {error}", file.display())
    })?;
    Ok(JwtSigner::from_pem(&text)?)
}
