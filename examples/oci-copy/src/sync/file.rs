//! The file of a sync, as skopeo has it: for each registry its images and how it is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oci_distribution_client::Credentials;
use regex_lite::Regex;
use serde::Deserialize;

use super::version::Range;
use crate::Result;
use crate::connection::Connection;

/// What is copied from one registry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Registry {
    /// The tags and digests of each repository; all tags if there are none.
    #[serde(default)]
    images: BTreeMap<String, Option<Vec<String>>>,
    #[serde(default)]
    images_by_tag_regex: BTreeMap<String, String>,
    #[serde(default)]
    images_by_semver: BTreeMap<String, String>,
    credentials: Option<Login>,
    tls_verify: Option<bool>,
    /// A directory with the certificates for the registry.
    cert_dir: Option<PathBuf>,
}

/// What is copied of a repository.
pub(super) enum Wanted<'a> {
    /// These tags and digests.
    Tags(&'a [String]),
    All,
    /// The tags that match an expression.
    Matching(Regex),
    /// The tags that are versions within a range.
    Versions(Range),
}

impl Wanted<'_> {
    pub(super) fn has(&self, tag: &str) -> bool {
        match self {
            Self::Tags(tags) => tags.iter().any(|it| it == tag),
            Self::All => true,
            Self::Matching(expression) => expression.is_match(tag),
            Self::Versions(range) => range.has(tag),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

/// Reads a file: registries by their names.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Registry>> {
    let about =
        |reason: &dyn std::fmt::Display| format!("cannot read `{}`: {reason}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| about(&error))?;
    // What a parser says of a file may show a password that is in it.
    serde_saphyr::from_str(&text).map_err(|error| {
        let place = error.location().map(|at| format!(" in line {}", at.line()));
        let place = place.unwrap_or_default();
        about(&format_args!("it is not a list of registries with their images{place}")).into()
    })
}

impl Registry {
    /// What is copied, by repository.
    pub(super) fn wanted(&self) -> Result<Vec<(&str, Wanted<'_>)>> {
        let mut wanted = Vec::new();
        for (repository, tags) in &self.images {
            let tags = tags.as_deref().unwrap_or_default();
            let tags = if tags.is_empty() { Wanted::All } else { Wanted::Tags(tags) };
            wanted.push((repository.as_str(), tags));
        }
        for (repository, text) in &self.images_by_tag_regex {
            let expression = Regex::new(text).map_err(|error| {
                format!("cannot use the expression for the tags of `{repository}`: {error}")
            })?;
            wanted.push((repository, Wanted::Matching(expression)));
        }
        for (repository, text) in &self.images_by_semver {
            let range = text
                .parse()
                .map_err(|error| format!("cannot use the versions of `{repository}`: {error}"))?;
            wanted.push((repository, Wanted::Versions(range)));
        }
        Ok(wanted)
    }

    /// How it is asked: what the file does not say is as the command line says.
    pub(super) fn connection(&self, said: &Connection) -> Connection {
        let mut connection = said.clone();
        if let Some(Login { username, password }) = &self.credentials {
            connection = connection.login(Credentials::basic(username, password.as_str()));
        }
        if let Some(verify) = self.tls_verify {
            connection = connection.verify_tls(verify);
        }
        if let Some(directory) = &self.cert_dir {
            connection = connection.certificates(directory.clone());
        }
        connection
    }
}
