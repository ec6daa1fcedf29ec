use std::mem::take;
use std::path::PathBuf;

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_image::Reference;

use crate::Result;
use crate::artifact::{Artifact, PushArtifact};
use crate::login::Login;
use crate::options::Options;
use crate::sync::{Choice, Sync};
use crate::unpack::{Manner, Unpack};

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) options: Options,
}

pub(crate) enum Command {
    Copy { from: ImageName, to: ImageName },
    Sync(Sync),
    Unpack(Unpack),
    LogIn(Login),
    LogOut(String),
    Tags(Reference),
    Catalog(String),
    PushArtifact(PushArtifact),
    PullArtifact { from: Reference, to: PathBuf },
    Digest(ImageName),
    Inspect(ImageName),
    Config(ImageName),
    Referrers(Reference),
    Delete(Reference),
}

/// Options of some commands alone.
#[derive(Default)]
struct Special {
    choice: Choice,
    user: Option<String>,
    /// The password is on standard input, where it is anyway.
    is_password_on_stdin: bool,
    is_config: bool,
    artifact: Artifact,
    manner: Manner,
}

impl Arguments {
    pub(crate) fn parse() -> Result<Option<Self>> {
        let (mut options, mut special, mut words) =
            (Options::default(), Special::default(), vec![]);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Short('u') => special.user = Some(arguments.value()?.string()?),
                Short('a') => _ = options.take("all", &mut arguments)?,
                Short('f') => _ = options.take("format", &mut arguments)?,
                Short('h') | Long("help") => return Ok(None),
                Long(option) => {
                    let option = option.to_owned();
                    if !special.take(&option, &mut arguments)?
                        && !options.take(&option, &mut arguments)?
                    {
                        return Err(Long(&option).unexpected().into());
                    }
                }
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let command = Command::parse(&words, special)?;
        if options.is_dry_run && !matches!(command, Command::Copy { .. } | Command::Sync(_)) {
            return Err("--dry-run is for copies and sync".into());
        }
        Ok(Some(Self { command, options }))
    }
}

impl Special {
    /// Takes an option by its name; says whether it is one of these.
    fn take(&mut self, option: &str, arguments: &mut lexopt::Parser) -> Result<bool> {
        match option {
            "tags" => self.choice.tags.push(arguments.value()?.string()?),
            "scoped" => self.choice.is_scoped = true,
            "keep-going" => self.choice.keeps_going = true,
            "password-stdin" => self.is_password_on_stdin = true,
            "config" => self.is_config = true,
            "username" => self.user = Some(arguments.value()?.string()?),
            "type" => self.artifact.kind = Some(arguments.value()?.string()?),
            "subject" => self.artifact.subject = Some(arguments.value()?.string()?),
            "rootless" => self.manner.is_rootless = true,
            "devices" => {
                let devices = arguments.value()?.parse_with(oci_cli::devices::parse)?;
                self.manner.devices = Some(devices);
            }
            "codec-by-content" => self.manner.is_codec_by_content = true,
            "ratio" => self.manner.ratio = Some(arguments.value()?.parse()?),
            "annotation" => {
                let annotation = arguments.value()?.string()?;
                let (name, value) =
                    annotation.split_once('=').ok_or("the annotation is not NAME=VALUE")?;
                self.artifact.annotations.push((name.to_owned(), value.to_owned()));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses options that the command does not have.
    fn refuse(&self) -> Result<()> {
        match self {
            Self { user: Some(_), .. } | Self { is_password_on_stdin: true, .. } => {
                Err("--username and --password-stdin are for login".into())
            }
            Self { is_config: true, .. } => Err("--config is for inspect".into()),
            _ if self.choice != Choice::default() => {
                Err("--tags, --scoped and --keep-going are for sync".into())
            }
            _ if self.artifact != Artifact::default() => {
                Err("--type, --subject and --annotation are for push-artifact".into())
            }
            _ if self.manner != Manner::default() => {
                Err("--rootless, --devices, --codec-by-content and --ratio are for unpack".into())
            }
            _ => Ok(()),
        }
    }
}

impl Command {
    fn parse(words: &[String], mut special: Special) -> Result<Self> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let command = match words[..] {
            ["sync", from, to] => {
                let choice = take(&mut special.choice);
                Self::Sync(Sync { from: from.parse()?, to: to.parse()?, choice })
            }
            ["unpack", from, to] => {
                let manner = take(&mut special.manner);
                Self::Unpack(Unpack { from: from.parse()?, to: to.into(), manner })
            }
            ["login", place] => {
                let user = special.user.take().ok_or("--username is missing")?;
                special.is_password_on_stdin = false;
                Self::LogIn(Login { place: host(place).to_owned(), user })
            }
            ["push-artifact", to, ref files @ ..] if !files.is_empty() => {
                let files = files.iter().map(|file| (*file).to_owned()).collect();
                let artifact = take(&mut special.artifact);
                Self::PushArtifact(PushArtifact { to: registry(to)?, files, artifact })
            }
            ["pull-artifact", from, to] => {
                Self::PullArtifact { from: registry(from)?, to: to.into() }
            }
            ["logout", place] => Self::LogOut(host(place).to_owned()),
            ["tags", name] => Self::Tags(registry(name)?),
            ["catalog", name] => Self::Catalog(host(name).to_owned()),
            ["digest", name] => Self::Digest(name.parse()?),
            ["inspect", name] if take(&mut special.is_config) => Self::Config(name.parse()?),
            ["inspect", name] => Self::Inspect(name.parse()?),
            ["referrers", name] => Self::Referrers(registry(name)?),
            ["delete", name] => Self::Delete(registry(name)?),
            [from, to] => Self::Copy { from: from.parse()?, to: to.parse()? },
            [] => return Err("SOURCE and DESTINATION are missing".into()),
            _ => return Err("there must be SOURCE and DESTINATION, or a command and a name".into()),
        };
        special.refuse()?;
        Ok(command)
    }
}

/// `HOST`, as docker and podman have it, or `docker://HOST`.
fn host(text: &str) -> &str {
    text.strip_prefix("docker://").unwrap_or(text).trim_end_matches('/')
}

fn registry(text: &str) -> Result<Reference> {
    let name = text.strip_prefix("docker://");
    let name = name.ok_or_else(|| format!("`{text}` is not docker://HOST/REPOSITORY"))?;
    Ok(name.parse()?)
}
