use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::origin::Origin;
use crate::transport::Proxies;
use crate::transport::no_proxy::NoProxy;

/// Through which proxy each server is asked.
#[derive(Clone)]
pub(crate) struct Routes {
    http: Option<Proxy>,
    https: Option<Proxy>,
    except: NoProxy,
    /// For one server each, if it has one.
    own: Vec<(Origin, Option<Proxy>)>,
}

/// A proxy, and what it is logged in to with.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) uri: Uri,
    pub(super) login: Option<HeaderValue>,
}

impl Routes {
    pub(crate) fn new(proxies: &Proxies) -> Result<Self, &'static str> {
        let parse = |url: &Option<String>| url.as_deref().map(Proxy::parse).transpose();
        Ok(Self {
            http: parse(&proxies.http)?,
            https: parse(&proxies.https)?,
            except: NoProxy::parse(proxies.except.as_deref().unwrap_or_default()),
            own: Vec::new(),
        })
    }

    /// Asks `server` through the proxy at `url`, or through none, whatever was said of it before.
    pub(crate) fn set(&mut self, server: Origin, url: Option<&str>) -> Result<(), &'static str> {
        let proxy = url.map(Proxy::parse).transpose()?;
        self.own.retain(|(known, _)| *known != server);
        self.own.push((server, proxy));
        Ok(())
    }

    /// The proxy for a request to `uri`, if there is one.
    pub(super) fn proxy(&self, uri: &Uri) -> Option<&Proxy> {
        if self.http.is_none() && self.https.is_none() && self.own.is_empty() {
            return None;
        }
        let url = Url::parse(&uri.to_string()).ok()?;
        if is_this_machine(&url) {
            return None;
        }
        let server = Origin::of(&url)?;
        if let Some((_, proxy)) = self.own.iter().find(|(known, _)| *known == server) {
            return proxy.as_ref();
        }
        let proxy = if server.is_secure() { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.except.has(&url))
    }
}

impl Proxy {
    /// Reads a URL as in the variable `HTTP_PROXY`. The error does not repeat it: there may be a password in it.
    fn parse(text: &str) -> Result<Self, &'static str> {
        const REASON: &str = "the URL of the proxy is not like `http://user:password@host:port`";
        let with_scheme = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let url = Url::parse(&with_scheme).map_err(|_| REASON)?;
        let server = Origin::of(&url).ok_or(REASON)?;
        let uri = server.to_string().parse().map_err(|_| REASON)?;
        Ok(Self { uri, login: login(&url) })
    }
}

/// The header with the user and the password of a URL.
fn login(url: &Url) -> Option<HeaderValue> {
    let password = url.password();
    if url.username().is_empty() && password.is_none() {
        return None;
    }
    let mut login: Vec<u8> = percent_decode_str(url.username()).collect();
    login.push(b':');
    login.extend(percent_decode_str(password.unwrap_or_default()));
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(login))).ok()?;
    header.set_sensitive(true);
    Some(header)
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
