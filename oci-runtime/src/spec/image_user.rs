use std::collections::BTreeSet;
use std::str::FromStr;

use super::user::parse_id;
use super::{User, Users, UsersError};

/// `Config.User` of an image: `user`, `user:group`, `uid`, `uid:gid`, `uid:group` or `user:gid`.
///
/// A text of digits is always a number, whatever names `/etc/passwd` has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUser {
    user: Id,
    group: Option<Id>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    Number(u32),
    Name(String),
}

/// A text that is not the user of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user `{text}` is not `user` or `user:group`, each a name or a number below 4294967295")]
pub struct ImageUserError {
    text: String,
}

impl FromStr for ImageUser {
    type Err = ImageUserError;

    fn from_str(text: &str) -> Result<Self, ImageUserError> {
        Self::parse(text).ok_or_else(|| ImageUserError { text: text.into() })
    }
}

impl Id {
    fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return parse_id(text).map(Self::Number);
        }
        let is_name = !text.contains(|c: char| c == ':' || c.is_control() || c.is_whitespace());
        is_name.then(|| Self::Name(text.into()))
    }
}

impl ImageUser {
    fn parse(text: &str) -> Option<Self> {
        let Some((user, group)) = text.split_once(':') else {
            return Some(Self { user: Id::parse(text)?, group: None });
        };
        Some(Self { user: Id::parse(user)?, group: Some(Id::parse(group)?) })
    }

    /// Whether the container's `/etc/passwd` or `/etc/group` decide about it.
    pub fn needs_users(&self) -> bool {
        !matches!((&self.user, &self.group), (Id::Number(_), Some(Id::Number(_))))
    }

    /// Who that is in a container that has these users.
    ///
    /// Without a group it is the user's own group, and root's for a number without a user. The
    /// additional groups of a user that is named without a group are those of which it is a member. The
    /// primary group is always one of the additional ones: a program that changes its group must not
    /// thereby escape from what its files deny to that group.
    ///
    /// # Errors
    /// If there is no such user or group, or the line about it is malformed.
    pub fn resolve(&self, users: &Users) -> Result<User, UsersError> {
        let (uid, own_group) = match &self.user {
            Id::Number(uid) if self.group.is_some() => (*uid, 0),
            Id::Number(uid) => (*uid, users.primary_group(*uid)?.unwrap_or(0)),
            Id::Name(name) => users.user(name)?,
        };
        let gid = match &self.group {
            Some(Id::Number(gid)) => *gid,
            Some(Id::Name(name)) => users.group(name)?,
            None => own_group,
        };
        let mut user = User::posix(uid, gid);
        user.additional_gids.push(gid);
        if let (Id::Name(name), None) = (&self.user, &self.group) {
            let mut seen = BTreeSet::from([gid]);
            let memberships = users.memberships(name)?.into_iter();
            user.additional_gids.extend(memberships.filter(|gid| seen.insert(*gid)));
        }
        Ok(user)
    }
}
