use std::num::NonZeroUsize;
use std::path::Path;

use lexopt::prelude::*;
use oci_distribution_client::{Client, Repository};
use oci_image::docker::Format;
use oci_image::layer::Compression;
use oci_image::{Platform, Reference};

use crate::Result;
use crate::connection::Connection;
use crate::interrupt::Interrupt;

/// How images are copied and asked for.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) selection: Selection,
    /// How many blobs move at once.
    pub(crate) jobs: Option<usize>,
    /// What refers to the image goes along.
    pub(crate) referrers: bool,
    /// What cosign keeps under tags of the image's digest goes along.
    pub(crate) digest_tags: bool,
    pub(crate) format: Option<Format>,
    pub(crate) compression: Option<Compression>,
    pub(crate) is_dry_run: bool,
    pub(crate) is_json: bool,
    pub(crate) interrupt: Interrupt,
    pub(crate) source: Connection,
    destination: Connection,
    both: Connection,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            selection: Selection::Platforms(Vec::new()),
            jobs: None,
            referrers: false,
            digest_tags: false,
            format: None,
            compression: None,
            is_dry_run: false,
            is_json: false,
            interrupt: Interrupt::default(),
            source: Connection::default(),
            destination: Connection::default(),
            both: Connection::default(),
        }
    }
}

/// What is taken of an index.
#[derive(Clone)]
pub(crate) enum Selection {
    All,
    /// The image for this machine or for the one platform, or a new index of those for several.
    Platforms(Vec<Platform>),
}

/// Which end of a copy a registry is.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Source,
    Destination,
}

impl Selection {
    /// The platforms, if they are several.
    pub(crate) fn several(&self) -> Option<&[Platform]> {
        match self {
            Self::Platforms(platforms) if platforms.len() > 1 => Some(platforms),
            _ => None,
        }
    }

    /// The platform, if only its image is taken.
    pub(crate) fn one(&self) -> Option<Platform> {
        match self {
            Self::Platforms(platforms) => match &platforms[..] {
                [] => Some(Platform::host()),
                [one] => Some(one.clone()),
                _ => None,
            },
            Self::All => None,
        }
    }
}

impl Options {
    /// Takes an option by its name; says whether it is one of these.
    pub(crate) fn take(&mut self, option: &str, arguments: &mut lexopt::Parser) -> Result<bool> {
        match option {
            "all" => self.selection = Selection::All,
            "platform" => {
                let platform = arguments.value()?.parse()?;
                match &mut self.selection {
                    Selection::Platforms(platforms) => platforms.push(platform),
                    all => *all = Selection::Platforms(vec![platform]),
                }
            }
            "jobs" => self.jobs = Some(arguments.value()?.parse::<NonZeroUsize>()?.get()),
            "referrers" => self.referrers = true,
            "digest-tags" => self.digest_tags = true,
            "format" => self.format = Some(arguments.value()?.parse_with(format)?),
            "dest-compress-format" => {
                let compression = arguments.value()?.parse_with(oci_cli::compression::parse)?;
                self.compression = Some(compression);
            }
            "dry-run" => self.is_dry_run = true,
            "json" => self.is_json = true,
            _ => {
                return match option.split_once('-') {
                    Some(("src", option)) => self.source.take(option, arguments),
                    Some(("dest", option)) => self.destination.take(option, arguments),
                    _ => self.both.take(option, arguments),
                };
            }
        }
        Ok(true)
    }

    /// Whether more than the image is copied.
    pub(crate) fn takes_along(&self) -> bool {
        self.referrers || self.digest_tags
    }

    /// A client for a registry, which is at this end.
    pub(crate) async fn client(&self, registry: &str, end: End) -> Result<Client> {
        let connection = match end {
            End::Source => &self.source,
            End::Destination => &self.destination,
        };
        connection.clone().or(&self.both).client(registry).await
    }

    /// The repository that `name` is in, at this end.
    pub(crate) async fn repository(&self, name: &Reference, end: End) -> Result<Repository> {
        let client = self.client(name.registry().as_str(), end).await?;
        Ok(client.repository_of(name)?)
    }

    /// The same without logins of anybody.
    pub(crate) fn without_logins(mut self) -> Self {
        self.both = self.both.without_logins();
        self
    }

    /// The file of logins that was named.
    pub(crate) fn login_file(&self) -> Option<&Path> {
        self.both.login_file()
    }
}

/// A format of manifests, as skopeo names it.
fn format(word: &str) -> Result<Format, &'static str> {
    match word {
        "oci" => Ok(Format::Oci),
        "v2s2" => Ok(Format::Docker),
        _ => Err("it is not oci or v2s2"),
    }
}
