//! Who asks: credentials, and the tokens they are exchanged for.

mod authority;
mod credentials;
#[cfg(feature = "credential-helpers")]
mod helper;
mod keyring;
mod scope;
mod token;

pub(crate) use authority::{Asking, Authority, Rejected};
pub use credentials::Credentials;
pub(crate) use keyring::{Helpers, Keyring};
pub(crate) use scope::{Access, Scopes};
pub(crate) use token::TokenRequest;
