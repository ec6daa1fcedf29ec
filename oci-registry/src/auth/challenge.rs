use http::{HeaderValue, header};
use oci_image::distribution::{self, ErrorCode};

use super::{Need, Scheme};
use crate::refusal::Refusal;

/// How a client is told to show credentials.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) scheme: Scheme,
    pub(super) realm: String,
    pub(super) service: String,
    pub(super) also_basic: bool,
}

impl Challenge {
    fn header(&self, need: Option<Need<'_>>, error: Option<&str>) -> distribution::Challenge {
        if self.scheme == Scheme::Basic {
            return distribution::Challenge::new("basic").with("realm", &self.realm);
        }
        let mut header = distribution::Challenge::new("bearer")
            .with("realm", &self.realm)
            .with("service", &self.service);
        if let Some(scopes) = need.and_then(Need::scopes) {
            header = header.with("scope", scopes);
        }
        match error {
            Some(error) => header.with("error", error),
            None => header,
        }
    }

    pub(super) fn refusal(&self, need: Option<Need<'_>>, error: Option<&str>) -> Refusal {
        let refusal = Refusal::new(ErrorCode::Unauthorized, "authentication is required");
        let also = self.also_basic.then(|| distribution::Challenge::new("basic"));
        let also = also.map(|basic| basic.with("realm", &self.service));
        let challenges = [self.header(need, error)].into_iter().chain(also);
        let values = challenges.filter_map(|it| HeaderValue::try_from(it.to_string()).ok());
        values.fold(refusal, |refusal, value| refusal.header(header::WWW_AUTHENTICATE, value))
    }
}
