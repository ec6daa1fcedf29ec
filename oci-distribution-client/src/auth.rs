//! Logging in: credentials, and the tokens that they are exchanged for.

mod authority;
mod credentials;
mod fetch;
mod helper;
mod keyring;
mod login_file;
mod logins;
mod provider;
mod scope;
mod secrets;
mod token;

pub(crate) use authority::{Authority, LoginContext, LoginError};
pub use credentials::Credentials;
pub use helper::CredentialHelper;
pub(crate) use helper::HelperSettings;
pub(crate) use keyring::{Keyring, LoginSource};
pub use login_file::LoginFile;
pub(crate) use login_file::Place;
pub(crate) use logins::{KnownLogins, Logins, is_same_registry};
pub use provider::{CredentialError, CredentialProvider, CredentialRequest};
pub(crate) use scope::{Access, Scopes};
pub(crate) use secrets::Secrets;
pub(crate) use token::Authorization;
