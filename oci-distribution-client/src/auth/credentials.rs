use std::fmt;

use zeroize::Zeroizing;

/// What proves to a registry who its caller is.
///
/// A secret is wiped from memory when it is dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Basic { user: String, password: Secret },
    IdentityToken { user: String, token: Secret },
    RegistryToken(Secret),
}

impl Credentials {
    /// A user name and a password.
    pub fn basic(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self(Kind::Basic { user: user.into(), password: Secret::new(password.into()) })
    }

    /// A token that the registry's token server exchanges for others (OAuth2 refresh token).
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self::user_identity_token("<token>", token)
    }

    /// A token that the registry itself takes, as it is.
    pub fn registry_token(token: impl Into<String>) -> Self {
        Self(Kind::RegistryToken(Secret::new(token.into())))
    }

    pub(crate) fn user_identity_token(user: impl Into<String>, token: impl Into<String>) -> Self {
        Self(Kind::IdentityToken { user: user.into(), token: Secret::new(token.into()) })
    }

    /// User and password, if that is what it is.
    pub(crate) fn as_basic(&self) -> Option<(&str, &Secret)> {
        match &self.0 {
            Kind::Basic { user, password } => Some((user, password)),
            _ => None,
        }
    }

    pub(crate) fn as_identity_token(&self) -> Option<&Secret> {
        match &self.0 {
            Kind::IdentityToken { token, .. } => Some(token),
            _ => None,
        }
    }

    pub(crate) fn as_registry_token(&self) -> Option<&Secret> {
        match &self.0 {
            Kind::RegistryToken(token) => Some(token),
            _ => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Basic { user, .. } => write!(f, "Credentials::basic({user:?}, <secret>)"),
            Kind::IdentityToken { .. } => f.write_str("Credentials::identity_token(<secret>)"),
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
