use http::{Method, Response, header};
use url::Url;

use super::{Call, FailedAttempt, Position};
use crate::error::{Error, ErrorKind};
use crate::trace;
use crate::transport::Body;
use crate::wire::text;

impl Call<'_> {
    /// Where `answer` sends the request on to, if it does.
    pub(super) fn redirect(
        &self,
        answer: &Response<Body>,
        from: &Url,
    ) -> Result<Option<Url>, Error> {
        let is_safe = matches!(self.method, Method::GET | Method::HEAD);
        match answer.status().as_u16() {
            307 | 308 => {}
            301..=303 if is_safe => {}
            _ => return Ok(None),
        }
        let Some(location) = text(answer.headers(), &header::LOCATION) else { return Ok(None) };
        self.shared.follow(from, location).map(Some).map_err(|reason| {
            self.error(ErrorKind::Protocol, format!("the redirect is refused: {reason}"))
        })
    }

    pub(super) fn move_on(&self, at: &mut Position, next: Url) -> Result<(), Error> {
        let limit = self.wire().limits.redirects;
        at.redirects += 1;
        if at.redirects > limit {
            let reason = format!("there were more than {limit} redirects");
            return Err(self.error(ErrorKind::Limit, reason));
        }
        trace::redirected(&at.url, &next);
        at.is_trusted = at.is_trusted && self.registry.has(&next);
        at.url = next;
        Ok(())
    }

    /// Whether a redirect led to something else than what is asked for.
    pub(super) fn is_astray(&self, url: &Url) -> bool {
        self.end.is_some_and(|end| !url.path().ends_with(end))
    }

    pub(super) fn failed_at(&self, url: &Url, failed: FailedAttempt) -> FailedAttempt {
        if !self.is_astray(url) {
            return failed;
        }
        let reason = "the registry redirects to something else";
        self.error(ErrorKind::Unsupported, reason.to_owned()).with_source(failed.error).into()
    }
}
