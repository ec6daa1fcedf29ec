use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

/// What proves to a registry who its caller is.
///
/// A secret is wiped from memory when it is dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    kind: Kind,
    expires: Option<Instant>,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Basic { user: String, password: Secret },
    IdentityToken(Secret),
    RegistryToken(Secret),
}

impl Credentials {
    /// A user name and a password.
    pub fn basic(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::new(Kind::Basic { user: user.into(), password: Secret::new(password.into()) })
    }

    /// A token that the registry's token server exchanges for others (OAuth2 refresh token).
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self::new(Kind::IdentityToken(Secret::new(token.into())))
    }

    /// A token that the registry itself takes, as it is.
    pub fn registry_token(token: impl Into<String>) -> Self {
        Self::new(Kind::RegistryToken(Secret::new(token.into())))
    }

    /// The same, not to be used later than after `time` from now: then whoever gave them is asked again.
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.expires = Instant::now().checked_add(time);
        self
    }

    /// The user's name, where there is one.
    pub fn user(&self) -> Option<&str> {
        match &self.kind {
            Kind::Basic { user, .. } => Some(user),
            _ => None,
        }
    }

    fn new(kind: Kind) -> Self {
        Self { kind, expires: None }
    }

    /// When they end, if they do.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.expires
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expires.is_some_and(|end| end <= Instant::now())
    }

    /// User and password, if that is what it is.
    pub(crate) fn as_basic(&self) -> Option<(&str, &Secret)> {
        match &self.kind {
            Kind::Basic { user, password } => Some((user, password)),
            _ => None,
        }
    }

    pub(crate) fn as_identity_token(&self) -> Option<&Secret> {
        match &self.kind {
            Kind::IdentityToken(token) => Some(token),
            _ => None,
        }
    }

    pub(crate) fn is_registry_token(&self) -> bool {
        self.as_registry_token().is_some()
    }

    pub(crate) fn as_registry_token(&self) -> Option<&Secret> {
        match &self.kind {
            Kind::RegistryToken(token) => Some(token),
            _ => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Basic { user, .. } => write!(f, "Credentials::basic({user:?}, <secret>)"),
            Kind::IdentityToken(_) => f.write_str("Credentials::identity_token(<secret>)"),
            Kind::RegistryToken(_) => f.write_str("Credentials::registry_token(<secret>)"),
        }
    }
}

/// Text that is never shown, and wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
