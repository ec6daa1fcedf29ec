use std::net::IpAddr;

use url::{Host, Url};

/// The servers that are asked without a proxy, as in the variable `NO_PROXY`: a list of hosts, domains (with all
/// below them), addresses and networks, each with an optional port, or `*` for all.
#[derive(Clone, Debug, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    servers: Servers,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Servers {
    All,
    /// The name in lower case, and what ends in a dot and the name.
    Domain(String),
    /// The addresses that begin with so many bits of this one.
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads the list; entries that cannot be understood are left out.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_ascii_whitespace());
        Self(entries.filter(|entry| !entry.is_empty()).filter_map(Entry::parse).collect())
    }

    pub(super) fn has(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        url.host().is_some_and(|host| {
            self.0.iter().any(|entry| {
                (entry.port.is_none() || entry.port == port) && entry.servers.has(&host)
            })
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            return Some(Self { servers: Servers::Network(address, bits), port: None });
        }
        let is_bare_ipv6 = text.matches(':').count() > 1 && !text.contains('[');
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !is_bare_ipv6 && !port.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let servers = match host.parse::<IpAddr>() {
            _ if host == "*" => Servers::All,
            Ok(address) => Servers::Network(address, width(address)),
            Err(_) => Servers::Domain(domain(host.strip_prefix('*').unwrap_or(host))?),
        };
        Some(Self { servers, port })
    }
}

/// `name` as it is compared: without the dots around it.
fn domain(name: &str) -> Option<String> {
    let name = name.strip_prefix('.').unwrap_or(name).trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

impl Servers {
    fn has(&self, host: &Host<&str>) -> bool {
        let address = match host {
            Host::Domain(name) => {
                let below = |of: &str| name.trim_end_matches('.').strip_suffix(of);
                return match self {
                    Self::All => true,
                    Self::Domain(of) => {
                        below(of).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                    }
                    Self::Network(..) => false,
                };
            }
            Host::Ipv4(address) => IpAddr::V4(*address),
            Host::Ipv6(address) => IpAddr::V6(*address),
        };
        match self {
            Self::All => true,
            Self::Domain(_) => false,
            Self::Network(network, bits) => begin_alike(address, *network, *bits),
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether the first `bits` of both addresses are the same.
fn begin_alike(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let differing = match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(one.to_bits() ^ other.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        _ => return false,
    };
    differing.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_of_hosts_domains_addresses_and_networks() {
        let table = [
            ("*", "http://registry.example/", true),
            ("registry.example", "http://registry.example:5000/", true),
            ("Registry.Example", "http://registry.example/", true),
            ("registry.example", "http://a.registry.example/", true),
            (".registry.example", "http://a.registry.example/", true),
            ("*.registry.example", "http://a.registry.example/", true),
            ("registry.example.", "http://registry.example/", true),
            ("gistry.example", "http://registry.example/", false),
            ("registry.example", "http://registry.example.evil/", false),
            ("registry.example:5000", "http://registry.example:5000/", true),
            ("registry.example:5000", "https://registry.example:5000/", true),
            ("registry.example:5000", "http://registry.example:5001/", false),
            ("registry.example:80", "http://registry.example/", true),
            ("registry.example:443", "http://registry.example/", false),
            ("registry.example:x", "http://registry.example/", false),
            ("other.example, registry.example:5000", "http://registry.example:5000/", true),
            ("other.example registry.example", "http://registry.example/", true),
            ("10.1.2.3", "http://10.1.2.3:5000/", true),
            ("10.1.2.3:5000", "http://10.1.2.3:5000/", true),
            ("10.1.2.3:5000", "http://10.1.2.3/", false),
            ("10.0.0.0/8", "http://10.1.2.3/", true),
            ("10.0.0.0/8", "http://11.1.2.3/", false),
            ("0.0.0.0/0", "http://11.1.2.3/", true),
            ("10.0.0.0/33", "http://10.1.2.3/", false),
            ("10.0.0.0/8", "http://registry.example/", false),
            ("fd00::/8", "http://[fd00::1]/", true),
            ("fd00::/8", "http://[fe00::1]/", false),
            ("fd00::1", "http://[fd00::1]:5000/", true),
            ("[fd00::1]", "http://[fd00::1]:5000/", true),
            ("[fd00::1]:5000", "http://[fd00::1]:5000/", true),
            ("[fd00::1]:5000", "http://[fd00::1]:5001/", false),
            ("", "http://registry.example/", false),
            (",, .", "http://registry.example/", false),
        ];
        for (list, url, expected) in table {
            let url = Url::parse(url).unwrap();
            assert_eq!(NoProxy::parse(list).has(&url), expected, "{list}: {url}");
        }
    }
}
