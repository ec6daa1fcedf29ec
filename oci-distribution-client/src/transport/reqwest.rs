use std::error::Error as StdError;
use std::net::IpAddr;
use std::time::Duration;

use http::{Request, Response, Uri};
use url::{Host, Url};

use crate::origin::Origin;
use crate::transport::no_proxy::NoProxy;
use crate::transport::{
    Body, BoxFuture, Proxies, Tls, Transport, TransportError, TransportErrorKind,
};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The transport over `reqwest`.
#[derive(Debug)]
pub(crate) struct Reqwest {
    client: reqwest::Client,
    /// For one server each, with connections of its own.
    clients: Vec<(Origin, reqwest::Client)>,
}

impl Reqwest {
    /// A transport with these settings for all servers.
    pub(crate) fn new(
        tls: &Tls,
        proxies: &Proxies,
        connect_timeout: Duration,
    ) -> Result<Self, BoxError> {
        Ok(Self { client: client(tls, proxies, connect_timeout)?, clients: Vec::new() })
    }

    /// Uses these settings for `server`, whatever was said of it before.
    pub(crate) fn set_server(
        &mut self,
        server: Origin,
        tls: &Tls,
        proxies: &Proxies,
        connect_timeout: Duration,
    ) -> Result<(), BoxError> {
        self.clients.retain(|(known, _)| *known != server);
        self.clients.push((server, client(tls, proxies, connect_timeout)?));
        Ok(())
    }

    /// What speaks with the server of `uri`.
    fn client(&self, uri: &Uri) -> &reqwest::Client {
        let own = || {
            let server = Origin::of(&Url::parse(&uri.to_string()).ok()?)?;
            self.clients.iter().find(|(known, _)| *known == server)
        };
        match self.clients.is_empty() {
            true => &self.client,
            false => own().map_or(&self.client, |(_, client)| client),
        }
    }
}

fn client(
    tls: &Tls,
    proxies: &Proxies,
    connect_timeout: Duration,
) -> Result<reqwest::Client, BoxError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(connect_timeout)
        .tls_backend_preconfigured(tls.client_config()?)
        .no_proxy();
    if let Some(proxy) = proxy(proxies)? {
        builder = builder.proxy(proxy);
    }
    Ok(builder.build()?)
}

impl Transport for Reqwest {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let is_plain = request.uri().scheme_str() == Some("http");
            let client = self.client(request.uri());
            let request = request.map(|body| match body.length() {
                Some(0) => reqwest::Body::from(""),
                _ => reqwest::Body::wrap(body),
            });
            let request = request.try_into().map_err(|error| explain(&error, is_plain))?;
            let response = client.execute(request).await;
            let response = response.map_err(|error| explain(&error, is_plain))?;
            let response: Response<reqwest::Body> = response.into();
            Ok(response.map(|body| Body::wrap(body, move |error| explain(&error, is_plain))))
        })
    }
}

/// Keeps the kind and the innermost cause: what lies between repeats itself, and names URLs whose
/// query may hold secrets.
fn explain(error: &reqwest::Error, is_plain: bool) -> TransportError {
    let mut cause: &(dyn StdError + 'static) = error;
    let mut is_unprocessed = false;
    let mut is_tls = false;
    let mut is_not_tls = false;
    loop {
        if let Some(own) = cause.downcast_ref::<TransportError>() {
            // The error of the body to send is repeated whole.
            return TransportError::new(own.kind(), chain(own.source().unwrap_or(own)));
        }
        is_unprocessed |= cause.downcast_ref().is_some_and(says_unprocessed);
        is_tls |= tls_error(cause).is_some();
        is_not_tls |= matches!(tls_error(cause), Some(rustls::Error::InvalidMessage(_)));
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => break,
        }
    }
    let text = cause.to_string();
    // The library below has no other sign of an answer that does not even begin like one of HTTP.
    let is_not_http = is_plain && text.starts_with("invalid HTTP version");
    let kind = match error.is_connect() {
        true if is_not_tls => TransportErrorKind::NotTls,
        true if is_tls => TransportErrorKind::Tls,
        true => TransportErrorKind::Connect,
        false if is_unprocessed => TransportErrorKind::Unprocessed,
        false if is_not_http => TransportErrorKind::NotHttp,
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

/// The error of TLS that this one is or holds: an I/O error passes over what it holds when it is asked for
/// its source.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.and_then(|inner| tls_error(inner))
}

/// The text of an error and its causes.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The proxy for each request, if there is one.
fn proxy(proxies: &Proxies) -> Result<Option<reqwest::Proxy>, &'static str> {
    for url in [&proxies.http, &proxies.https].into_iter().flatten() {
        // The library's own errors name the URL with the password in it.
        reqwest::Proxy::all(url.as_str())
            .map_err(|_| "the URL of the proxy is not like `http://user:password@host:port`")?;
    }
    let Proxies { http, https, except } = proxies.clone();
    let except = NoProxy::parse(except.as_deref().unwrap_or_default());
    let is_used = http.is_some() || https.is_some();
    Ok(is_used.then(|| {
        reqwest::Proxy::custom(move |url| {
            let proxy = if url.scheme() == "https" { &https } else { &http };
            let is_direct = is_this_machine(url) || except.has(url);
            proxy.clone().filter(|_| !is_direct)
        })
    }))
}

/// Whether a server is on this machine: to a proxy, its name means another one, which would get what is sent
/// over http because it does not leave this machine.
fn is_this_machine(url: &Url) -> bool {
    let is_local = |address: IpAddr| {
        let address = address.to_canonical();
        address.is_loopback() || address.is_unspecified()
    };
    url.host().is_some_and(|host| match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => is_local(address.into()),
        Host::Ipv6(address) => is_local(address.into()),
    })
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
