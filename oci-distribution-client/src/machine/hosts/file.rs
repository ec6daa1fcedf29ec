//! The shape of one `hosts.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_path_to_error::Segment;
use toml::Spanned;
use url::Url;

use crate::error::Error;
use crate::machine::certs::{client_certificate, pem};
use crate::machine::toml_file::{parse, unusable};
use crate::origin::shown;
use crate::route::{Extra, Protocol, Server, Uses};
use crate::transport::Tls;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: Option<String>,
    #[serde(default)]
    host: BTreeMap<Spanned<String>, Table>,
    // Those of a host, for the server. A flattened table would take unknown keys.
    capabilities: Option<Vec<String>>,
    ca: Option<Several<PathBuf>>,
    client: Option<Client>,
    skip_verify: Option<bool>,
    header: Option<BTreeMap<String, Several<String>>>,
    override_path: Option<bool>,
    dial_timeout: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    capabilities: Option<Vec<String>>,
    ca: Option<Several<PathBuf>>,
    client: Option<Client>,
    skip_verify: Option<bool>,
    header: Option<BTreeMap<String, Several<String>>>,
    override_path: Option<bool>,
    /// The client has its own limit.
    #[serde(rename = "dial_timeout")]
    _dial_timeout: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Several<T> {
    One(T),
    List(Vec<T>),
}

impl<T> Several<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::List(list) => list,
        }
    }
}

/// Files with a certificate and its key, or with both in one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Client {
    Both(PathBuf),
    Pairs(Vec<Several<PathBuf>>),
}

/// What a registry's directory says.
#[derive(Debug)]
pub(super) struct Hosts {
    /// In the order of the file.
    pub(super) mirrors: Vec<(Server, Uses)>,
    /// Who is asked in the registry's place.
    pub(super) server: Option<Server>,
    /// What the registry itself is asked with, if no other server is.
    pub(super) own: Option<Arc<Extra>>,
}

/// One host of a file that was read, whose certificates were not.
pub(super) struct Host {
    server: Option<Server>,
    uses: Option<Uses>,
    headers: HeaderMap,
    ca: Vec<PathBuf>,
    client: Vec<(PathBuf, PathBuf)>,
    skip_verify: bool,
}

/// A file that was read, whose certificates were not.
pub(super) struct Unloaded {
    hosts: Vec<Host>,
    server: Host,
}

/// Reads `text`, which is that of the file at `path`.
pub(super) fn read(text: &str, path: &Path) -> Result<Unloaded, Error> {
    let is_header = |segment: &Segment| matches!(segment, Segment::Map { key } if key == "header");
    let file: File = parse(text, path, |place| place.iter().any(is_header))?;
    let mut tables: Vec<_> = file.host.into_iter().collect();
    tables.sort_by_key(|(name, _)| name.span().start);
    let hosts = tables.into_iter().map(|(name, table)| {
        let name = name.into_inner();
        host(Some(&name), table).map_err(|reason| {
            let place = format!("at `host.\"{}\"`: {reason}", name.escape_debug());
            unusable(path, place)
        })
    });
    let hosts = hosts.collect::<Result<_, _>>()?;
    let own = Table {
        capabilities: file.capabilities,
        ca: file.ca,
        client: file.client,
        skip_verify: file.skip_verify,
        header: file.header,
        override_path: file.override_path,
        _dial_timeout: file.dial_timeout,
    };
    let server = file.server.as_deref().filter(|server| !server.is_empty());
    let server = host(server, own).map_err(|reason| unusable(path, reason))?;
    Ok(Unloaded { hosts, server })
}

fn host(url: Option<&str>, table: Table) -> Result<Host, String> {
    let Table { capabilities, ca, client, skip_verify, header, override_path, .. } = table;
    let server = url.map(|url| server(url, override_path.unwrap_or_default())).transpose()?;
    Ok(Host {
        server,
        uses: uses(capabilities.unwrap_or_default())?,
        headers: headers(header.unwrap_or_default())?,
        ca: ca.map(Several::into_vec).unwrap_or_default(),
        client: client.map(pairs).transpose()?.unwrap_or_default(),
        skip_verify: skip_verify.unwrap_or_default(),
    })
}

fn server(text: &str, overrides_path: bool) -> Result<Server, String> {
    let text = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    let wrong = || "it is not the URL of a server, such as `https://mirror.example`".to_owned();
    let url = Url::parse(&text).map_err(|_| wrong())?;
    let protocol = match url.scheme() {
        "https" => Protocol::Https,
        "http" => Protocol::Http,
        _ => return Err(wrong()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("`{}` is written with a user; a login file has those", shown(&url)));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let host = url.host_str().ok_or_else(wrong)?;
    let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    let host = host.parse().map_err(|reason| format!("{reason}"))?;
    let path = url.path().trim_end_matches('/');
    let root = match overrides_path || path.ends_with("/v2") {
        true => path.to_owned(),
        false => format!("{path}/v2"),
    };
    let root = Some(root).filter(|root| root != "/v2");
    Ok(Server { root, ..Server::new(host, protocol) })
}

/// `None`: nothing is read from there.
fn uses(capabilities: Vec<String>) -> Result<Option<Uses>, String> {
    if capabilities.is_empty() {
        return Ok(Some(Uses::ALL));
    }
    let (mut pulls, mut resolves) = (false, false);
    for capability in capabilities {
        match capability.to_ascii_lowercase().as_str() {
            "pull" => pulls = true,
            "resolve" => resolves = true,
            // Pushes go to the server.
            "push" => {}
            other => return Err(format!("`{}` is not a capability", other.escape_debug())),
        }
    }
    Ok(pulls.then_some(Uses { tags: resolves, tagged: true, digests: true }))
}

/// What is sent along; errors quote no value.
fn headers(table: BTreeMap<String, Several<String>>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in table {
        let wrong = || format!("`header.{}` cannot be a header", name.escape_debug());
        let header: HeaderName = name.parse().map_err(|_| wrong())?;
        for value in values.into_vec() {
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.append(header.clone(), value);
        }
    }
    Ok(headers)
}

fn pairs(client: Client) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let pairs = match client {
        Client::Both(file) => vec![Several::One(file)],
        Client::Pairs(pairs) => pairs,
    };
    let pair = |pair: Several<PathBuf>| match pair.into_vec().as_slice() {
        [both] => Ok((both.clone(), both.clone())),
        // The key may be in the file of the certificate.
        [both, key] if key.as_os_str().is_empty() => Ok((both.clone(), both.clone())),
        [chain, key] => Ok((chain.clone(), key.clone())),
        _ => Err("`client` has an entry that is not a certificate and its key".to_owned()),
    };
    pairs.into_iter().map(pair).collect()
}

impl Unloaded {
    /// Reads the certificates; relative paths begin at `directory`.
    pub(super) fn with_certificates(self, directory: &Path) -> Result<Hosts, Error> {
        let Self { hosts, server: own } = self;
        let mut mirrors = Vec::new();
        for host in hosts {
            let uses = host.uses;
            let (server, extra) = host.load(directory)?;
            let server = server.map(|server| Server { extra, ..server });
            mirrors.extend(server.zip(uses));
        }
        let (server, extra) = own.load(directory)?;
        Ok(match server {
            Some(server) => Hosts { mirrors, server: Some(Server { extra, ..server }), own: None },
            None => Hosts { mirrors, server: None, own: extra },
        })
    }
}

impl Host {
    fn load(self, directory: &Path) -> Result<(Option<Server>, Option<Arc<Extra>>), Error> {
        let Self { server, headers, ca, client, skip_verify, .. } = self;
        let mut tls = None;
        for file in ca {
            let pem = pem(&directory.join(file), "CERTIFICATE")?;
            tls = Some(tls.unwrap_or_else(Tls::new).root_certificate(pem.to_vec()));
        }
        for (chain, key) in client {
            let (chain, key) = (directory.join(chain), directory.join(key));
            tls = Some(client_certificate(tls.unwrap_or_default(), &chain, &key)?);
        }
        if skip_verify {
            tls = Some(tls.unwrap_or_default().danger_accept_any_certificate());
        }
        let is_plain = headers.is_empty() && tls.is_none();
        Ok((server, (!is_plain).then(|| Arc::new(Extra { headers, tls }))))
    }
}

impl Hosts {
    /// What a directory without a file says.
    pub(super) fn of_certificates(extra: Arc<Extra>) -> Self {
        Self { mirrors: Vec::new(), server: None, own: Some(extra) }
    }
}
