//! Logging in: credentials, and the tokens that they are exchanged for.

mod authority;
mod credentials;
mod docker;
mod fetch;
#[cfg(feature = "credential-helpers")]
mod helper;
mod keyring;
mod scope;
mod secrets;
mod token;

pub(crate) use authority::{Authority, LoginContext, LoginError};
pub use credentials::Credentials;
pub(crate) use docker::DockerConfig;
pub(crate) use keyring::{Helpers, Keyring};
pub(crate) use scope::{Access, Scopes};
pub(crate) use secrets::Secrets;
pub(crate) use token::Authorization;
