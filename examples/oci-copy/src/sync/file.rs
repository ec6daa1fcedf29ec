//! The file of a sync, as skopeo has it: for each registry its images and how it is asked.

use std::collections::BTreeMap;
use std::path::Path;

use oci_distribution_client::Credentials;
use regex_lite::Regex;
use serde::Deserialize;

use crate::Result;
use crate::connection::Connection;

/// What is copied from one registry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Registry {
    /// The tags and digests of each repository; all tags if there are none.
    #[serde(default)]
    pub(super) images: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    images_by_tag_regex: BTreeMap<String, String>,
    credentials: Option<Login>,
    tls_verify: Option<bool>,
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
    /// The expressions that tags match, by repository.
    pub(super) fn expressions(&self) -> Result<Vec<(&str, Regex)>> {
        let expressions = self.images_by_tag_regex.iter();
        expressions
            .map(|(repository, text)| {
                let expression = Regex::new(text).map_err(|error| {
                    format!("cannot use the expression for the tags of `{repository}`: {error}")
                })?;
                Ok((repository.as_str(), expression))
            })
            .collect()
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
        connection
    }
}
