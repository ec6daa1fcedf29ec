use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use oci_registry::bytes::Bytes;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Result;

/// Sends texts to one URL, each over a connection of its own.
pub(crate) struct Post {
    host: String,
    port: u16,
    path: Uri,
    /// Without a password.
    authority: String,
    authorization: Option<HeaderValue>,
    media_type: &'static str,
    tls: Option<TlsConnector>,
}

impl Post {
    pub(crate) fn new(url: &str, media_type: &'static str) -> Result<Self> {
        // Not with the URL, which may hold a password.
        let failed = |reason: &str| format!("cannot notify a program: {reason}");
        let uri: Uri = url.parse().map_err(|_| failed("that is not a URL"))?;
        let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => (Some(login), authority),
            None => (None, authority),
        };
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(failed("its URL is not one of https or http").into()),
        };
        let basic = |login: &str| format!("Basic {}", BASE64_STANDARD.encode(login));
        Ok(Self {
            host: uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).parse()?,
            authority: authority.to_owned(),
            authorization: login.map(|login| basic(login).try_into()).transpose()?,
            media_type,
            tls: if is_tls { Some(connector()?) } else { None },
        })
    }

    /// Where it goes, without a password.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The status of the answer.
    pub(crate) async fn send(&self, text: Bytes) -> Result<StatusCode> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone())?;
                self.send_over(tls.connect(name, stream).await?, text).await
            }
            None => self.send_over(stream, text).await,
        }
    }

    async fn send_over<S>(&self, stream: S, text: Bytes) -> Result<StatusCode>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::new(Full::new(text));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::try_from(&self.authority)?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.extend(self.authorization.clone().map(|it| (header::AUTHORIZATION, it)));
        // It ends with the sender; what breaks it, the sender tells.
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?.status())
    }
}

/// TLS to servers that this machine trusts.
fn connector() -> Result<TlsConnector> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(provider)?))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
