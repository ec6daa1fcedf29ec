//! The shape of one file.

use std::collections::BTreeMap;
use std::path::Path;

use oci_image::Reference;
use oci_image::reference::RegistryName;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::entry::{Entry, Location, Mirror, Prefix};
use super::{Aliases, RegistriesConf, Search, names_registry};
use crate::error::Error;
use crate::machine::toml_file::{parse, unusable};
use crate::route::Uses;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    registry: Vec<RegistryTable>,
    unqualified_search_registries: Option<Vec<String>>,
    credential_helpers: Option<Vec<String>>,
    short_name_mode: Option<String>,
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    /// For stores of layers, which a client has not.
    #[serde(rename = "additional-layer-store-auth-helper")]
    _layer_store: Option<IgnoredAny>,
    /// The first version of the format.
    registries: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RegistryTable {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MirrorTable {
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: String,
}

/// Reads `text`, which is that of the file at `path`.
pub(super) fn read(text: &str, path: &Path) -> Result<RegistriesConf, Error> {
    let file: File = parse(text, path, |_| false)?;
    if file.registries.is_some() {
        return Err(unusable(
            path,
            "it is in version 1 of the format (`[registries.search]` and so on); write \
             `[[registry]]` tables instead",
        ));
    }
    let mode = file.short_name_mode.unwrap_or_default();
    if !matches!(mode.as_str(), "" | "enforcing" | "permissive" | "disabled") {
        let reason = format!("at `short-name-mode`: `{}` is not a mode", mode.escape_debug());
        return Err(unusable(path, reason));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for (number, table) in file.registry.into_iter().enumerate() {
        let place = |reason: String| unusable(path, format!("at `registry[{number}]`: {reason}"));
        let entry = entry(table, path).map_err(place)?;
        if let Some(reason) = entries.iter().find_map(|other| conflict(other, &entry)) {
            return Err(place(reason));
        }
        entries.push(entry);
    }
    let search = file.unqualified_search_registries.map(|registries| {
        let registries: Result<_, _> = registries.iter().map(|name| registry(name)).collect();
        let place =
            |reason| unusable(path, format!("at `unqualified-search-registries`: {reason}"));
        Ok(Search { registries: registries.map_err(place)?, file: path.to_owned() })
    });
    let aliases = file.aliases.into_iter().map(|(name, value)| {
        let alias = alias(&name, &value);
        let place =
            |reason| unusable(path, format!("at `aliases.{}`: {reason}", name.escape_debug()));
        alias.map_err(place).map(|alias| (name.clone(), alias))
    });
    Ok(RegistriesConf {
        entries,
        search: search.transpose()?,
        aliases: aliases.collect::<Result<Aliases, _>>()?,
        helpers: file.credential_helpers,
        files: vec![path.to_owned()],
    })
}

fn entry(table: RegistryTable, path: &Path) -> Result<Entry, String> {
    let RegistryTable { prefix, location, insecure, blocked, mirror_by_digest_only, mirror } =
        table;
    let location = Some(trimmed(&location)).filter(|location| !location.is_empty());
    let prefix = match (trimmed(&prefix), location) {
        ("", Some(location)) => Prefix::parse(location)?,
        ("", None) => return Err("it has neither `prefix` nor `location`".to_owned()),
        (prefix, _) => Prefix::parse(prefix)?,
    };
    if location.is_none() && !prefix.is_wildcard() {
        return Err(
            "it has no `location`, and only a prefix such as `*.example.com` needs none".to_owned()
        );
    }
    let mirrors = mirror.into_iter().enumerate().map(|(number, table)| {
        mirror_of(&table, mirror_by_digest_only)
            .map_err(|reason| format!("`mirror[{number}]`: {reason}"))
    });
    Ok(Entry {
        prefix,
        location: location.map(Location::parse).transpose()?,
        insecure,
        blocked,
        mirrors: mirrors.collect::<Result<_, _>>()?,
        file: path.to_owned(),
    })
}

fn mirror_of(table: &MirrorTable, by_digest_only: bool) -> Result<Mirror, String> {
    const DIGESTS: Uses = Uses { tags: false, tagged: false, digests: true };
    const TAGS: Uses = Uses { tags: true, tagged: true, digests: false };
    let uses = match (table.pull_from_mirror.as_str(), by_digest_only) {
        ("", false) | ("all", false) => Uses::ALL,
        ("", true) | ("digest-only", false) => DIGESTS,
        ("tag-only", false) => TAGS,
        (other, false) => {
            let other = other.escape_debug();
            return Err(format!("`{other}` is not a value of `pull-from-mirror`"));
        }
        (_, true) => {
            return Err("`pull-from-mirror` cannot stand beside `mirror-by-digest-only`".to_owned());
        }
    };
    let location = Location::parse(trimmed(&table.location))?;
    Ok(Mirror { location, insecure: table.insecure, uses })
}

/// What two tables say differently of one thing.
fn conflict(one: &Entry, other: &Entry) -> Option<String> {
    if one.prefix == other.prefix {
        return Some(format!("there is another entry for `{}`", one.prefix));
    }
    let location = one.location.as_ref().filter(|_| one.location == other.location)?;
    let differs = match (one.insecure == other.insecure, one.blocked == other.blocked) {
        (false, _) => "insecure",
        (_, false) => "blocked",
        _ => return None,
    };
    Some(format!("`{differs}` differs from that of another entry for the location `{location}`"))
}

/// Slashes at the end mean nothing.
fn trimmed(text: &str) -> &str {
    text.trim_end_matches('/')
}

fn registry(name: &str) -> Result<RegistryName, String> {
    trimmed(name).parse().map_err(|reason: oci_image::reference::NameError| reason.to_string())
}

/// What an alias stands for; `None` if it is to stand for nothing.
fn alias(name: &str, value: &str) -> Result<Option<Reference>, String> {
    let bare = |text: &str| {
        let reference: Reference = text.parse().map_err(|reason| format!("{reason}"))?;
        match (reference.tag(), reference.digest()) {
            (None, None) => Ok(reference),
            _ => Err(format!("`{}` has a tag or a digest", text.escape_debug())),
        }
    };
    bare(name)?;
    if names_registry(name) {
        return Err("it is not a short name, as it names a registry".to_owned());
    }
    match value {
        "" => Ok(None),
        value if names_registry(value) => bare(value).map(Some),
        value => Err(format!("`{}` does not name a registry", value.escape_debug())),
    }
}
