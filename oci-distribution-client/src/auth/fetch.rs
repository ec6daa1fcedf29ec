use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::auth::secrets::Secrets;
use crate::auth::token::TokenRequest;
use crate::error::Error;
use crate::gate::Entry;
use crate::wire::{Exchange, Wire, failure_of};

/// Sends a request to a token server, as often as needed, and gives the body of a good answer. No error repeats
/// `secrets`.
pub(super) async fn fetch(
    wire: &Wire,
    request: TokenRequest,
    secrets: &Secrets,
    action: &str,
) -> Result<Bytes, Error> {
    let TokenRequest { method, url, authorization, form } = request;
    let mut headers = HeaderMap::new();
    headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
    if form.is_some() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    let mut attempts = wire.attempts();
    loop {
        let body = form.as_ref().map(|form| Bytes::copy_from_slice(form.as_bytes()));
        let sent = wire.send(Exchange {
            method: method.clone(),
            url: &url,
            headers: headers.clone(),
            body: body.unwrap_or_default().into(),
            timeout: wire.limits.response,
            attempts,
            entry: Entry::Counted,
        });
        let (failure, error) = match sent.await {
            Ok((answer, _pass)) if answer.status() == StatusCode::OK => {
                match wire.read(answer.into_body(), wire.limits.token).await {
                    Ok(body) => return Ok(body),
                    Err(error) => (error.failure(), error.into_error(action)),
                }
            }
            Ok((answer, _)) => (failure_of(&answer), wire.refusal(answer, action, secrets).await),
            Err(error) => (error.failure(), error.into_error(action)),
        };
        let number = attempts.number();
        // Getting another token does no harm, by POST neither.
        match failure.and_then(|failure| attempts.pause(&wire.retry, &Method::GET, failure)) {
            Some(pause) => pause.sleep().await,
            None => return Err(error.after_attempts(number)),
        }
    }
}
