use std::fmt::Display;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use serde::Deserialize;

use crate::Result;

/// What is served, where and how: of the options, and of the file that they name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<String>,
    pub(crate) store: Option<String>,
    pub(crate) htpasswd: Option<PathBuf>,
    pub(crate) anonymous_pull: bool,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) read_only: bool,
    pub(crate) log: Option<Format>,
    pub(crate) metrics: Option<String>,
    /// In seconds.
    pub(crate) drain: Option<u64>,
}

/// How an access log is written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    Common,
    Json,
}

impl Settings {
    /// The settings; none if help is asked for.
    pub(crate) fn parse() -> Result<Option<Self>> {
        let (mut settings, mut file) = (Self::default(), None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long("listen") => settings.listen.push(arguments.value()?.string()?),
                Long("store") => settings.store = Some(arguments.value()?.string()?),
                Long("htpasswd") => settings.htpasswd = Some(arguments.value()?.into()),
                Long("anonymous-pull") => settings.anonymous_pull = true,
                Long("tls-cert") => settings.tls_cert = Some(arguments.value()?.into()),
                Long("tls-key") => settings.tls_key = Some(arguments.value()?.into()),
                Long("read-only") => settings.read_only = true,
                Long("log") => settings.log = Some(arguments.value()?.parse_with(format)?),
                Long("metrics") => settings.metrics = Some(arguments.value()?.string()?),
                Long("drain") => settings.drain = Some(arguments.value()?.parse()?),
                Long("config") => file = Some(PathBuf::from(arguments.value()?)),
                other => return Err(other.unexpected().into()),
            }
        }
        let settings = match file {
            Some(file) => settings.or(read(&file)?),
            None => settings,
        };
        settings.check().map(Some)
    }

    fn or(self, other: Self) -> Self {
        Self {
            listen: if self.listen.is_empty() { other.listen } else { self.listen },
            store: self.store.or(other.store),
            htpasswd: self.htpasswd.or(other.htpasswd),
            anonymous_pull: self.anonymous_pull || other.anonymous_pull,
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            read_only: self.read_only || other.read_only,
            log: self.log.or(other.log),
            metrics: self.metrics.or(other.metrics),
            drain: self.drain.or(other.drain),
        }
    }

    /// The settings, if they go together; with the default of where to listen.
    fn check(mut self) -> Result<Self> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("TLS needs both --tls-cert and --tls-key".into());
        }
        if self.anonymous_pull && self.htpasswd.is_none() {
            return Err("--anonymous-pull needs --htpasswd: without users anybody may push".into());
        }
        if self.store.as_deref().is_some_and(|store| store.contains("://")) {
            return Err("the store is not memory or a directory".into());
        }
        if self.listen.is_empty() {
            self.listen.push("127.0.0.1:5000".to_owned());
        }
        Ok(self)
    }
}

fn read(file: &Path) -> Result<Settings> {
    let failed = |reason: &dyn Display| {
        format!("cannot read the settings in `{}`: {reason}", file.display())
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    // The whole error has several lines, with a picture.
    toml::from_str(&text).map_err(|error| failed(&error.message()).into())
}

fn format(word: &str) -> Result<Format, &'static str> {
    match word {
        "common" => Ok(Format::Common),
        "json" => Ok(Format::Json),
        _ => Err("it is not common or json"),
    }
}
