//! The credentials of a call: those that go along, and those that its refusal asks for.

use http::header::{self, HeaderMap};
use http::{Method, Response, StatusCode};
use oci_image::distribution::{Challenge, Endpoint, ErrorCode};

use super::{Call, Position};
use crate::auth::{Authority, Authorization, Keyring, LoginContext, LoginError, Scopes};
use crate::error::Error;
use crate::gate::Entry;
use crate::origin::Origin;
use crate::transport::Body;
use crate::wire::Exchange;

impl Call<'_> {
    /// What goes along with a request from here.
    pub(super) async fn authorization(
        &self,
        at: &Position,
    ) -> Result<Option<Authorization>, Error> {
        match &at.login {
            _ if !at.is_trusted => {
                let here = Origin::of(&at.url);
                let token =
                    at.elsewhere.as_ref().filter(|(origin, _)| Some(origin) == here.as_ref());
                Ok(token.map(|(_, token)| token.clone()))
            }
            Some(login) => Ok(Some(login.clone())),
            None => self.known_authorization().await,
        }
    }

    /// What such a request is let through by, as far as that is known.
    pub(crate) async fn known_authorization(&self) -> Result<Option<Authorization>, Error> {
        let known = self.registry.authority.authorization(self.login_context()).await;
        known.map_err(|error| self.login_failed(error))
    }

    /// Answers the challenges of `answer`.
    pub(super) async fn log_in(
        &self,
        answer: Response<Body>,
        used: Option<&Authorization>,
    ) -> Result<Authorization, Error> {
        let challenges = challenges(&answer);
        // Some registries say at `/v2/` alone how they are logged in to.
        if challenges.is_empty()
            && used.is_none()
            && let Some(login) = self.introduce().await
        {
            return Ok(login);
        }
        match self.registry.authority.answer(self.login_context(), &challenges, used).await {
            Ok(authorization) => Ok(authorization),
            Err(LoginError::Failed(error)) => Err(self.login_failed(error)),
            Err(LoginError::NoAnswer(reason)) => {
                Err(self.refusal(answer, used).await.because(reason))
            }
        }
    }

    /// Another login for a request that was refused without a challenge, once: a login may have expired, and some
    /// registries do not tell strangers what they have.
    pub(super) async fn other_login(
        &self,
        at: &mut Position,
        refusal: &Error,
        used: Option<&Authorization>,
    ) -> Option<Authorization> {
        let authority = &self.registry.authority;
        let was_refused = std::mem::replace(&mut at.is_refused, true);
        if !at.is_trusted || at.redirects > 0 {
            return None;
        }
        match used {
            Some(_) if was_refused => {
                authority.renewed_in_vain().await;
                None
            }
            // One that was just received has not expired.
            Some(used) if at.login.is_none() && may_be_expired(refusal) => {
                authority.renew(self.login_context(), used).await
            }
            None if !was_refused && matches!(refusal.status(), Some(403 | 404)) => {
                self.introduce().await
            }
            _ => None,
        }
    }

    /// The login by the challenge of `/v2/`, where that has one and there is a login.
    async fn introduce(&self) -> Option<Authorization> {
        let authority = &self.registry.authority;
        let mut is_introduced = authority.introduction.lock().await;
        if *is_introduced {
            // Another request was faster.
            return authority.authorization(self.login_context()).await.ok().flatten();
        }
        if !authority.has_login(self.login_context()).await {
            return None;
        }
        *is_introduced = true;
        let wire = self.wire();
        let url = self.registry.url(&Endpoint::Base);
        let url = self.registry.speaking(wire, url).await;
        let sent = wire.send(Exchange {
            method: Method::GET,
            url: &url,
            headers: HeaderMap::new(),
            body: Body::empty(),
            timeout: wire.limits.response,
            attempts: self.attempts,
            entry: Entry::Counted,
        });
        let (answer, _) = sent.await.ok()?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return None;
        }
        authority.answer(self.login_context(), &challenges(&answer), None).await.ok()
    }

    /// The token that a server which a redirect led to has for strangers.
    pub(super) async fn token_elsewhere(
        &self,
        at: &Position,
        answer: &Response<Body>,
    ) -> Option<(Origin, Authorization)> {
        if self.is_anonymous || at.redirects == 0 {
            return None;
        }
        let origin = Origin::of(&at.url)?;
        let (keyring, scopes) = (Keyring::empty(), Scopes::default());
        let context = LoginContext {
            wire: self.wire(),
            keyring: &keyring,
            repository: None,
            scopes: &scopes,
        };
        let authority = Authority::new(self.registry.name.clone(), origin.clone(), Vec::new());
        let token = authority.answer(context, &challenges(answer), None).await.ok()?;
        Some((origin, token))
    }

    fn login_context(&self) -> LoginContext<'_> {
        LoginContext {
            wire: self.wire(),
            keyring: self.keyring,
            repository: self.repository,
            scopes: &self.scopes,
        }
    }

    fn login_failed(&self, error: Error) -> Error {
        let reason = format!("logging in to `{}` failed", self.registry.name);
        Error::new(error.kind(), self.action).because(reason).with_source(error)
    }
}

fn challenges(answer: &Response<Body>) -> Vec<Challenge> {
    let values = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(Challenge::parse).collect()
}

/// Whether a registry may say by this refusal that a login has expired, which is to be said by `401`.
fn may_be_expired(refusal: &Error) -> bool {
    const WORDS: [&str; 5] = ["expired", "authoriz", "authentic", "credential", "token"];
    match refusal.status() {
        Some(403) => true,
        Some(400) => refusal.codes().iter().any(|error| {
            let message = error.message.as_deref().unwrap_or_default().to_ascii_lowercase();
            matches!(error.code, ErrorCode::Denied | ErrorCode::Unauthorized)
                || WORDS.iter().any(|word| message.contains(word))
        }),
        _ => false,
    }
}
