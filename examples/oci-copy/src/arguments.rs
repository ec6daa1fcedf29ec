use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_distribution_client::Client;
use oci_image::{Platform, Reference};

use crate::Result;
use crate::connection::Connection;
use crate::sync::{Choice, Sync};

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) options: Options,
}

/// How it is done.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) selection: Selection,
    pub(crate) jobs: usize,
    pub(crate) source: Connection,
    pub(crate) destination: Connection,
}

pub(crate) enum Command {
    Copy { from: ImageName, to: ImageName },
    Sync(Sync),
    Tags(Reference),
    Digest(ImageName),
    Inspect(ImageName),
    Referrers(Reference),
    Delete(Reference),
}

/// What is taken of an index.
#[derive(Clone)]
pub(crate) enum Selection {
    All,
    Platform(Platform),
}

/// Which end of a copy a registry is.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Source,
    Destination,
}

impl Arguments {
    pub(crate) fn parse() -> Result<Option<Self>> {
        let [mut source, mut destination, mut both] = [(); 3].map(|()| Connection::default());
        let mut selection = Selection::Platform(Platform::host());
        let (mut jobs, mut words, mut choice) = (4, Vec::new(), Choice::default());
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("platform") => selection = Selection::Platform(arguments.value()?.parse()?),
                Long("all") => selection = Selection::All,
                Long("jobs") => jobs = arguments.value()?.parse()?,
                Long("tags") => choice.tags.push(arguments.value()?.string()?),
                Long("scoped") => choice.is_scoped = true,
                Long("keep-going") => choice.keeps_going = true,
                Short('h') | Long("help") => return Ok(None),
                Long(option) => {
                    let option = option.to_owned();
                    let is_known = match option.split_once('-') {
                        Some(("src", option)) => source.take(option, &mut arguments)?,
                        Some(("dest", option)) => destination.take(option, &mut arguments)?,
                        _ => both.take(&option, &mut arguments)?,
                    };
                    if !is_known {
                        return Err(Long(&option).unexpected().into());
                    }
                }
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let command = Command::parse(&words, choice)?;
        let (source, destination) = (source.or(&both), destination.or(&both));
        Ok(Some(Self { command, options: Options { selection, jobs, source, destination } }))
    }
}

impl Options {
    /// A client for the registry of `name`, which is at this end.
    pub(crate) async fn client(&self, name: &Reference, end: End) -> Result<Client> {
        match end {
            End::Source => self.source.client(name).await,
            End::Destination => self.destination.client(name).await,
        }
    }
}

impl Command {
    fn parse(words: &[String], choice: Choice) -> Result<Self> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Ok(match words[..] {
            ["tags", name] => Self::Tags(registry(name)?),
            ["digest", name] => Self::Digest(name.parse()?),
            ["inspect", name] => Self::Inspect(name.parse()?),
            ["referrers", name] => Self::Referrers(registry(name)?),
            ["delete", name] => Self::Delete(registry(name)?),
            ["sync", from, to] => {
                Self::Sync(Sync { from: from.parse()?, to: to.to_owned(), choice })
            }
            _ if choice != Choice::default() => {
                return Err("--tags, --scoped and --keep-going are for sync".into());
            }
            [from, to] => Self::Copy { from: from.parse()?, to: to.parse()? },
            [] => return Err("SOURCE and DESTINATION are missing".into()),
            _ => return Err("there must be SOURCE and DESTINATION, or a command and a name".into()),
        })
    }
}

fn registry(text: &str) -> Result<Reference> {
    let name = text.strip_prefix("docker://");
    let name = name.ok_or_else(|| format!("`{text}` is not docker://HOST/REPOSITORY"))?;
    Ok(name.parse()?)
}
