//! Users and groups of a container's root filesystem.

mod entry;
#[cfg(target_os = "linux")]
mod rootfs;

use entry::{Group, Passwd};

/// The texts `/etc/passwd` and `/etc/group` of a container, which its image controls.
///
/// A line that does not parse is passed over, unless it is about the very user or group that is
/// looked up: then it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    passwd: Vec<u8>,
    group: Vec<u8>,
}

/// Why a name cannot be looked up among the users of a container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// There is no such user.
    #[error("cannot find user `{name}`: it is not in /etc/passwd of the container")]
    UnknownUser {
        /// The name.
        name: String,
    },
    /// There is no such group.
    #[error("cannot find group `{name}`: it is not in /etc/group of the container")]
    UnknownGroup {
        /// The name.
        name: String,
    },
    /// A line about the user or group has an ID that is not a number below 4294967295.
    #[error(
        "cannot read the line about `{name}` in {file} of the container: an ID is not a number"
    )]
    Malformed {
        /// The file.
        file: &'static str,
        /// The user or group.
        name: String,
    },
    /// The user is in more than [`Users::GROUPS_LIMIT`] groups.
    #[error("cannot list the groups of user `{name}`: there are more than {}", Users::GROUPS_LIMIT)]
    TooManyGroups {
        /// The user.
        name: String,
    },
}

impl Users {
    /// The most groups of one user: what Linux has room for.
    pub const GROUPS_LIMIT: usize = 65536;

    /// The users and groups of these texts.
    pub fn new(passwd: impl Into<Vec<u8>>, group: impl Into<Vec<u8>>) -> Self {
        Self { passwd: passwd.into(), group: group.into() }
    }

    /// The user ID and primary group ID of a user.
    pub(super) fn user(&self, name: &str) -> Result<(u32, u32), UsersError> {
        let entry = Passwd::all(&self.passwd).find(|entry| entry.name == name.as_bytes());
        let entry = entry.ok_or_else(|| UsersError::UnknownUser { name: name.into() })?;
        entry.uid.zip(entry.gid).ok_or_else(|| malformed("/etc/passwd", name))
    }

    /// The primary group ID of the first user that has an ID.
    pub(super) fn primary_group(&self, uid: u32) -> Result<Option<u32>, UsersError> {
        match Passwd::all(&self.passwd).find(|entry| entry.uid == Some(uid)) {
            None => Ok(None),
            Some(Passwd { gid: Some(gid), .. }) => Ok(Some(gid)),
            Some(_) => Err(malformed("/etc/passwd", &uid.to_string())),
        }
    }

    /// The home directory of the first user that has an ID, if it is a path.
    #[cfg(target_os = "linux")]
    pub(crate) fn home(&self, uid: u32) -> Option<&str> {
        let entry = Passwd::all(&self.passwd).find(|entry| entry.uid == Some(uid))?;
        let home = std::str::from_utf8(entry.home).ok()?;
        (home.starts_with('/') && !home.contains('\0')).then_some(home)
    }

    /// The ID of a group.
    pub(super) fn group(&self, name: &str) -> Result<u32, UsersError> {
        let entry = Group::all(&self.group).find(|entry| entry.name == name.as_bytes());
        let entry = entry.ok_or_else(|| UsersError::UnknownGroup { name: name.into() })?;
        entry.gid.ok_or_else(|| malformed("/etc/group", name))
    }

    /// The groups that name a user as a member, in the order of the file.
    pub(super) fn memberships(&self, name: &str) -> Result<Vec<u32>, UsersError> {
        let mut gids = Vec::new();
        for entry in Group::all(&self.group).filter(|entry| entry.has_member(name.as_bytes())) {
            if gids.len() == Self::GROUPS_LIMIT {
                return Err(UsersError::TooManyGroups { name: name.into() });
            }
            gids.push(entry.gid.ok_or_else(|| malformed("/etc/group", name))?);
        }
        Ok(gids)
    }
}

fn malformed(file: &'static str, name: &str) -> UsersError {
    UsersError::Malformed { file, name: name.into() }
}
