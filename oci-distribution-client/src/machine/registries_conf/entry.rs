//! One `[[registry]]` table: which images it is for, and where they are.

use std::fmt;
use std::path::PathBuf;

use oci_image::reference::RegistryName;
use oci_image::{Reference, RepositoryName};

use crate::route::Uses;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) prefix: Prefix,
    /// `None`: images are where their names say.
    pub(super) location: Option<Location>,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) file: PathBuf,
}

#[derive(Clone, Debug)]
pub(super) struct Mirror {
    pub(super) location: Location,
    pub(super) insecure: bool,
    pub(super) uses: Uses,
}

/// What names begin with: a registry with part of a repository's name, or `*.` and a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("*.") {
            Some(domain) if domain.contains([':', '/']) => {
                Err(format!("`{}` has more than a domain after `*.`", text.escape_debug()))
            }
            Some(domain) => split(domain).map(drop),
            None => split(text).map(drop),
        }?;
        Ok(Self(text.to_owned()))
    }

    pub(super) fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// How well it covers `name`, a registry and a repository, and the part of `name` that it does not cover.
    pub(super) fn covers<'a>(&self, name: &'a str) -> Option<(Rank, &'a str)> {
        let rest = match self.0.strip_prefix('*') {
            Some(domain) => {
                let host = &name[..name.find([':', '/']).unwrap_or(name.len())];
                // No host begins with a dot, so something stands before it.
                ends_with(host, domain).then(|| &name[host.len()..])?
            }
            None => {
                let (covered, rest) = name.split_at_checked(self.0.len())?;
                // As in containers, `example.com` covers `example.com:5000` too: who blocks one would miss the other.
                let is_whole = rest.is_empty() || rest.starts_with(['/', ':']);
                (is_whole && is_same(covered, &self.0)).then_some(rest)?
            }
        };
        // Of `*.example.com` and `a.example.com`, which are as long, the second says more.
        Some((Rank(self.0.len(), !self.is_wildcard()), rest))
    }
}

/// The longest is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(usize, bool);

/// Whether both are the same name. The letters of hosts are so in any case; other names have no upper-case letters.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|it| is_same(it, end))
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a prefix is replaced by: a registry, and perhaps part of a repository's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location(String);

impl Location {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it has no `location`".to_owned());
        }
        split(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The repository that `rest` means here, which is what follows the prefix.
    pub(super) fn with(&self, rest: &str) -> Result<Reference, String> {
        let name = format!("{}{rest}", self.0);
        let (registry, repository) = name.split_once('/').unwrap_or((&name, ""));
        Reference::new(registry, repository).map_err(|reason| {
            format!("the location `{}` is not one: {reason}", name.escape_debug())
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The registry and the part of a repository's name that `text` consists of.
fn split(text: &str) -> Result<(RegistryName, Option<RepositoryName>), String> {
    let (host, path) = match text.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (text, None),
    };
    let host = host.parse().map_err(|reason| format!("{reason}"))?;
    if path.is_some_and(|path| path.contains(['@', ':'])) {
        return Err(format!(
            "`{}` has a tag or a digest: an entry is for whole repositories",
            text.escape_debug()
        ));
    }
    let path = path.map(str::parse).transpose().map_err(|reason| format!("{reason}"))?;
    Ok((host, path))
}
