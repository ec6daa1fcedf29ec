use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_digest::Digest;
use tokio::sync::Semaphore;

/// Users and their passwords as `htpasswd -B` writes them: lines `NAME:HASH`, the hash by bcrypt.
///
/// A clone is another handle to the same users. A password that was right is known until the users are replaced, so
/// that not every request pays for the hash.
#[derive(Clone)]
pub struct Htpasswd(Arc<Shared>);

struct Shared {
    users: Mutex<HashMap<String, User>>,
    turns: Semaphore,
}

struct User {
    hash: String,
    /// The digest of the password, once it was seen.
    password: Option<Digest>,
}

/// Passwords that are hashed at a time: others wait, and the rest of the server does not.
const TURNS: usize = 2;

/// The longest password, in bytes: bcrypt looks at no more.
const PASSWORD: usize = 72;

/// Why a text is not one of users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read line {line} of the users: {reason}")]
#[non_exhaustive]
pub struct HtpasswdError {
    /// Its number, from 1 on.
    pub line: usize,
    reason: &'static str,
}

impl Htpasswd {
    /// The users of a file's text. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// If a line is not a user with a hash by bcrypt, or a name is repeated.
    pub fn parse(text: &str) -> Result<Self, HtpasswdError> {
        let users = Mutex::new(users(text)?);
        Ok(Self(Arc::new(Shared { users, turns: Semaphore::new(TURNS) })))
    }

    /// Replaces the users. Where the text is wrong, they stay.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn replace(&self, text: &str) -> Result<(), HtpasswdError> {
        let new = users(text)?;
        *self.lock() = new;
        Ok(())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// Whether this is the user's password. It takes as long for users that do not exist.
    pub(super) async fn check(&self, name: &str, password: &str) -> bool {
        if password.len() > PASSWORD {
            return false;
        }
        let digest = Digest::sha256(password);
        let hash = {
            let users = self.lock();
            let user = users.get(name);
            if user.is_some_and(|user| user.password.as_ref() == Some(&digest)) {
                return true;
            }
            user.or_else(|| users.values().next()).map(|user| user.hash.clone())
        };
        let Ok(_turn) = self.0.turns.acquire().await else { return false };
        let (tried, password) = (hash.clone(), password.to_owned());
        let verify =
            move || tried.is_some_and(|hash| bcrypt::verify(password, &hash).unwrap_or(false));
        let is_right = tokio::task::spawn_blocking(verify).await.unwrap_or(false);
        // The users may have been replaced meanwhile.
        let mut users = self.lock();
        match users.get_mut(name).filter(|user| is_right && Some(&user.hash) == hash.as_ref()) {
            Some(user) => {
                user.password = Some(digest);
                true
            }
            None => false,
        }
    }

    /// Each change of the map is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, User>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn users(text: &str) -> Result<HashMap<String, User>, HtpasswdError> {
    let mut users = HashMap::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |reason| HtpasswdError { line: index + 1, reason };
        let (name, hash) = line.split_once(':').ok_or_else(|| wrong("it is not `NAME:HASH`"))?;
        hash.parse::<bcrypt::HashParts>()
            .map_err(|_| wrong("the hash is not one by bcrypt, as `htpasswd -B` makes it"))?;
        let user = User { hash: hash.to_owned(), password: None };
        if users.insert(name.to_owned(), user).is_some() {
            return Err(wrong("the name was there before"));
        }
    }
    Ok(users)
}

/// Shows no hash.
impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Htpasswd").field("users", &self.lock().len()).finish_non_exhaustive()
    }
}
