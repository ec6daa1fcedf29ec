//! What is known of how a registry is logged in to.

use std::collections::HashMap;

use oci_image::RepositoryName;
use oci_image::distribution::Challenge;
use tokio::time::Instant;

use crate::auth::credentials::Credentials;
use crate::auth::token::{self, Authorization, Bearer, Token};

/// The most tokens, and the most logins, that are kept for one registry.
const TOKENS: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) scheme: Scheme,
    /// What was asked for last.
    pub(super) challenge: Option<Challenge>,
    tokens: HashMap<String, Token>,
    /// What answers basic challenges, by repository: helpers that know it take their time.
    logins: HashMap<Option<RepositoryName>, Credentials>,
    /// When a login may be renewed again, if the last one changed nothing.
    pub(super) renewable_from: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Scheme {
    /// Nothing was asked for yet.
    #[default]
    None,
    Basic,
    Bearer(Bearer),
}

impl State {
    pub(super) fn fresh_token(&self, key: &str) -> Option<Authorization> {
        let token = self.tokens.get(key).filter(|token| token.is_fresh(Instant::now()))?;
        Some(token.authorization.clone())
    }

    /// What is known to answer basic challenges.
    pub(super) fn login(&self, repository: Option<&RepositoryName>) -> Option<&Credentials> {
        self.logins.get(&repository.cloned()).filter(|login| !login.is_expired())
    }

    pub(super) fn keep(&mut self, key: String, token: Token) -> Authorization {
        if self.tokens.len() >= TOKENS {
            self.tokens.clear();
        }
        let authorization = token.authorization.clone();
        self.tokens.insert(key, token);
        authorization
    }

    pub(super) fn keep_login(
        &mut self,
        repository: Option<&RepositoryName>,
        login: Credentials,
    ) -> Option<Authorization> {
        if self.logins.len() >= TOKENS {
            self.logins.clear();
        }
        let authorization = token::basic(&login);
        self.logins.insert(repository.cloned(), login);
        authorization
    }
}
