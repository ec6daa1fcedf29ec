use super::{Access, Authorize, Caller, Denied};
use crate::Grant;

/// Rules by user, repository and action: what none of them allows is denied.
///
/// ```
/// use oci_registry::{Action, Grant, Rule, Rules};
///
/// let rules = Rules::new([
///     Rule::new("admin", [Grant::all("*")]),
///     Rule::new("ci-*", [Grant::new("team/*", [Action::Pull, Action::Push])]),
///     Rule::new("*", [Grant::new("public/*", [Action::Pull])]),
///     Rule::anonymous([Grant::new("public/*", [Action::Pull])]),
/// ]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// What is granted to some users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// None: whoever has shown no credentials.
    users: Option<String>,
    grants: Vec<Grant>,
}

impl Rules {
    /// These rules.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self(rules.into_iter().collect())
    }
}

impl Rule {
    /// For the user `users`; for those whose names begin with `a` if it is `a*`; for all if it is `*`.
    pub fn new(users: impl Into<String>, grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { users: Some(users.into()), grants: grants.into_iter().collect() }
    }

    /// For those without credentials.
    pub fn anonymous(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { users: None, grants: grants.into_iter().collect() }
    }

    fn is_for(&self, user: Option<&str>) -> bool {
        match (&self.users, user) {
            (Some(users), Some(user)) => match users.strip_suffix('*') {
                Some(prefix) => user.starts_with(prefix),
                None => users == user,
            },
            (None, None) => true,
            _ => false,
        }
    }
}

impl Authorize for Rules {
    fn authorize(&self, caller: &Caller, access: Access<'_>) -> Result<(), Denied> {
        let mut mine = self.0.iter().filter(|rule| rule.is_for(caller.user.as_deref()));
        let is_allowed = mine.any(|rule| {
            rule.grants.iter().any(|grant| grant.allows(access.action, access.repository))
        });
        if is_allowed { Ok(()) } else { Err(Denied::new("no rule allows you to do this here")) }
    }
}
