use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::error::{BrokenRule, NameError};
use super::name::name;

name! {
    /// A registry as references name it: a host (a name, an IPv4 address, or an IPv6 address in
    /// brackets) with an optional port, such as `ghcr.io` or `localhost:5000`.
    ///
    /// Docker's registry is `docker.io` by each of its names.
    pub struct RegistryName;
}

impl RegistryName {
    /// Docker's registry, which short names are of.
    pub const DOCKER: Self = Self(Cow::Borrowed("docker.io"));

    /// The longest host, in bytes.
    pub const HOST_LIMIT: usize = 253;

    /// Whether a reference that begins with `component` names a registry by it, and not a part of a
    /// repository of Docker's registry.
    pub(super) fn is_read_from(component: &str) -> bool {
        component.contains(['.', ':', '['])
            || component == "localhost"
            || component.bytes().any(|byte| byte.is_ascii_uppercase())
    }
}

impl FromStr for RegistryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text).map_err(|rule| NameError::new(NOUN, text, rule))?;
        Ok(match text {
            "index.docker.io" => Self::DOCKER,
            _ => Self(Cow::Owned(text.to_owned())),
        })
    }
}

/// What errors call it.
pub(super) const NOUN: &str = "a registry";

/// Whether it is a URL, which is not a name: no part of a name may hold `://`.
pub(super) fn has_scheme(text: &str) -> bool {
    text.contains("://")
}

fn check(text: &str) -> Result<(), BrokenRule> {
    if text.is_empty() {
        return Err(BrokenRule::Empty);
    }
    if has_scheme(text) {
        return Err(BrokenRule::Scheme);
    }
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        });
    match host.strip_prefix('[') {
        Some(address) => check_address(address)?,
        None => check_host(host)?,
    }
    if is_port { Ok(()) } else { Err(BrokenRule::Port) }
}

fn check_address(text: &str) -> Result<(), BrokenRule> {
    let address = text.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
    address.map(drop).ok_or(BrokenRule::Address)
}

fn check_host(host: &str) -> Result<(), BrokenRule> {
    let limit = RegistryName::HOST_LIMIT;
    if host.len() > limit {
        return Err(BrokenRule::TooLong { length: host.len(), limit });
    }
    let is_wrong =
        |character: char| !character.is_ascii_alphanumeric() && !"-.".contains(character);
    if let Some((at, character)) = host.chars().enumerate().find(|(_, it)| is_wrong(*it)) {
        return Err(BrokenRule::Character { character, position: at + 1 });
    }
    let mut position = 1;
    for label in host.split('.') {
        if label.is_empty() {
            return Err(BrokenRule::EmptyComponent { position });
        }
        if label.starts_with('-') {
            return Err(BrokenRule::Begin { character: '-', position });
        }
        if label.ends_with('-') {
            return Err(BrokenRule::End { character: '-', position: position + label.len() - 1 });
        }
        position += label.len() + 1;
    }
    Ok(())
}
