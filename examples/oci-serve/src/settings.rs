use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::*;
use oci_registry::Limits;
use serde::Deserialize;

use crate::Result;
use crate::accounts::{ImmutableTable, RobotTable, RuleTable};
use crate::limits::{limit, set};

/// What is served, where and how: of the options, and of the file that they name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<String>,
    pub(crate) store: Option<String>,
    /// In hours.
    pub(crate) gc: Option<u64>,
    pub(crate) htpasswd: Option<PathBuf>,
    pub(crate) anonymous_pull: bool,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) read_only: bool,
    pub(crate) log: Option<Format>,
    pub(crate) metrics: Option<String>,
    /// In seconds.
    pub(crate) drain: Option<u64>,
    pub(crate) audit: Option<PathBuf>,
    /// URLs of programs that are told what happens.
    pub(crate) notify: Vec<String>,
    pub(crate) notify_pulls: bool,
    /// Registries that this one is a proxy of.
    pub(crate) proxy: Vec<String>,
    pub(crate) web_page: bool,
    pub(crate) token: bool,
    pub(crate) token_key: Option<PathBuf>,
    pub(crate) token_keys: Option<PathBuf>,
    pub(crate) token_issuer: Option<String>,
    pub(crate) token_service: Option<String>,
    pub(crate) token_realm: Option<String>,
    /// By their names in [`oci_registry::Limits`], times in seconds.
    pub(crate) limits: BTreeMap<String, u64>,
    #[serde(rename = "immutable")]
    pub(crate) immutable: Vec<ImmutableTable>,
    #[serde(rename = "rule")]
    pub(crate) rules: Vec<RuleTable>,
    #[serde(rename = "robot")]
    pub(crate) robots: Vec<RobotTable>,
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
                Long("gc") => settings.gc = Some(arguments.value()?.parse()?),
                Long("htpasswd") => settings.htpasswd = Some(arguments.value()?.into()),
                Long("anonymous-pull") => settings.anonymous_pull = true,
                Long("tls-cert") => settings.tls_cert = Some(arguments.value()?.into()),
                Long("tls-key") => settings.tls_key = Some(arguments.value()?.into()),
                Long("read-only") => settings.read_only = true,
                Long("log") => settings.log = Some(arguments.value()?.parse_with(format)?),
                Long("metrics") => settings.metrics = Some(arguments.value()?.string()?),
                Long("drain") => settings.drain = Some(arguments.value()?.parse()?),
                Long("audit") => settings.audit = Some(arguments.value()?.into()),
                Long("notify") => settings.notify.push(arguments.value()?.string()?),
                Long("notify-pulls") => settings.notify_pulls = true,
                Long("proxy") => settings.proxy.push(arguments.value()?.string()?),
                Long("web-page") => settings.web_page = true,
                Long("token") => settings.token = true,
                Long("token-key") => settings.token_key = Some(arguments.value()?.into()),
                Long("token-keys") => settings.token_keys = Some(arguments.value()?.into()),
                Long("token-issuer") => settings.token_issuer = Some(arguments.value()?.string()?),
                Long("token-service") => {
                    settings.token_service = Some(arguments.value()?.string()?);
                }
                Long("token-realm") => settings.token_realm = Some(arguments.value()?.string()?),
                Long("limit") => {
                    let (name, value) = arguments.value()?.parse_with(limit)?;
                    settings.limits.insert(name, value);
                }
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

    /// Whether tokens are given here.
    pub(crate) fn signs(&self) -> bool {
        self.token || self.token_key.is_some()
    }

    fn has_users(&self) -> bool {
        self.htpasswd.is_some() || !self.robots.is_empty()
    }

    /// The limits, all others as they are by default.
    pub(crate) fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            set(&mut limits, name, *value)?;
        }
        limits.stop_time = self.drain.map_or(limits.stop_time, Duration::from_secs);
        Ok(limits)
    }

    fn or(self, mut other: Self) -> Self {
        other.limits.extend(self.limits);
        Self {
            audit: self.audit.or(other.audit),
            notify: if self.notify.is_empty() { other.notify } else { self.notify },
            notify_pulls: self.notify_pulls || other.notify_pulls,
            proxy: if self.proxy.is_empty() { other.proxy } else { self.proxy },
            web_page: self.web_page || other.web_page,
            token: self.token || other.token,
            token_key: self.token_key.or(other.token_key),
            token_keys: self.token_keys.or(other.token_keys),
            token_issuer: self.token_issuer.or(other.token_issuer),
            token_service: self.token_service.or(other.token_service),
            token_realm: self.token_realm.or(other.token_realm),
            limits: other.limits,
            immutable: other.immutable,
            rules: other.rules,
            robots: other.robots,
            listen: if self.listen.is_empty() { other.listen } else { self.listen },
            store: self.store.or(other.store),
            gc: self.gc.or(other.gc),
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
        if self.token_keys.is_some() != self.token_issuer.is_some() {
            return Err(
                "tokens of another service need both --token-keys and --token-issuer".into()
            );
        }
        if self.token_keys.is_some() && self.token_realm.is_none() {
            return Err("--token-keys needs --token-realm: clients must know where to ask".into());
        }
        if self.signs() && self.tls_cert.is_some() && self.token_realm.is_none() {
            return Err("--token with TLS needs --token-realm https://HOST/token".into());
        }
        if self.token_keys.is_some() && self.signs() {
            return Err(
                "--token-keys does not go with --token: tokens are given there or here".into()
            );
        }
        if self.signs() && !self.has_users() {
            return Err("--token needs --htpasswd or robots: it is for them that tokens are".into());
        }
        if self.anonymous_pull && !self.has_users() {
            return Err("--anonymous-pull needs --htpasswd: without users anybody may push".into());
        }
        if !self.rules.is_empty() && !self.has_users() && self.token_keys.is_none() {
            return Err("rules need users: --htpasswd, robots or --token-keys".into());
        }
        // What is wrong with them is said before anything is opened.
        self.limits()?;
        for rule in &self.rules {
            rule.grant()?;
        }
        for robot in &self.robots {
            robot.account()?;
        }
        if self.store.as_deref().is_some_and(|store| store.contains("://")) {
            return Err("the store is not memory, a directory or oci:DIRECTORY".into());
        }
        if self.gc == Some(0) {
            return Err("--gc needs a number of hours that is not 0".into());
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
