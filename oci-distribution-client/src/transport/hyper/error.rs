use std::error::Error as StdError;
use std::io;

use crate::transport::{TransportError, TransportErrorKind};

/// Keeps the kind and the innermost cause: what lies between repeats itself.
pub(super) fn explain(error: &(dyn StdError + 'static), is_plain: bool) -> TransportError {
    if let Some(own) = own(error) {
        return own;
    }
    let is_unprocessed =
        causes(error).any(|cause| cause.downcast_ref().is_some_and(says_unprocessed));
    let text = innermost(error).to_string();
    if is_about_clients(&text) {
        return TransportError::new(TransportErrorKind::Tls, with_hint(text));
    }
    // The library below has no other sign of an answer that does not even begin like one of HTTP.
    let is_not_http = is_plain && text.starts_with("invalid HTTP version");
    let kind = match is_not_http {
        _ if is_unprocessed => TransportErrorKind::Unprocessed,
        true => TransportErrorKind::NotHttp,
        false => TransportErrorKind::Exchange,
    };
    TransportError::new(kind, text)
}

/// Whether a server says by this that it did not process the request ([RFC 9113, 8.7]). Of a connection that it
/// closes in peace, only the requests fail by `GOAWAY` that it leaves.
///
/// [RFC 9113, 8.7]: https://www.rfc-editor.org/rfc/rfc9113#name-request-reliability
fn says_unprocessed(error: &h2::Error) -> bool {
    match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => true,
        Some(h2::Reason::NO_ERROR) => error.is_go_away() && error.is_remote(),
        _ => false,
    }
}

/// Why there is no TLS with a server.
pub(super) fn insecure(error: &rustls::Error) -> TransportError {
    let kind = match error {
        rustls::Error::InvalidMessage(_) => TransportErrorKind::NotTls,
        _ => TransportErrorKind::Tls,
    };
    TransportError::new(kind, with_hint(error.to_string()))
}

fn with_hint(text: String) -> String {
    match is_about_clients(&text) {
        true => format!("a client certificate is given with `Tls::client_certificate`: {text}"),
        false => text,
    }
}

/// The error of TLS in an I/O error, which passes over what it holds when it is asked for its source.
pub(super) fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// Whether the server does not take the client certificate, or wants one. By TLS 1.3 it says so after the client has
/// begun to send requests, and of what happens then, HTTP/2 keeps the text alone.
fn is_about_clients(text: &str) -> bool {
    const ALERTS: [&str; 7] = [
        "BadCertificate",
        "CertificateExpired",
        "CertificateRequired",
        "CertificateRevoked",
        "CertificateUnknown",
        "UnknownCA",
        "UnsupportedCertificate",
    ];
    text.strip_prefix("received fatal alert: ").is_some_and(|alert| ALERTS.contains(&alert))
}

/// The error of the connector, or of the body to send, that `error` repeats.
pub(super) fn own(error: &(dyn StdError + 'static)) -> Option<TransportError> {
    let own = causes(error).find_map(|cause| cause.downcast_ref::<TransportError>())?;
    let reason: Vec<_> =
        causes(own.source().unwrap_or(own)).map(|cause| cause.to_string()).collect();
    Some(TransportError::new(own.kind(), reason.join(": ")))
}

/// The last cause of an error.
pub(super) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}

/// An error and its causes.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_stream_was_not_processed() {
        for (reason, expected) in [
            (h2::Reason::REFUSED_STREAM, true),
            (h2::Reason::INTERNAL_ERROR, false),
            (h2::Reason::CANCEL, false),
            // What is not of a GOAWAY of the server.
            (h2::Reason::NO_ERROR, false),
        ] {
            assert_eq!(says_unprocessed(&reason.into()), expected, "{reason}");
        }
    }
}
