use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_image::Reference;

use crate::Result;
use crate::login::Login;
use crate::options::Options;
use crate::sync::{Choice, Sync};

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) options: Options,
}

pub(crate) enum Command {
    Copy { from: ImageName, to: ImageName },
    Sync(Sync),
    LogIn(Login),
    LogOut(String),
    Tags(Reference),
    Digest(ImageName),
    Inspect(ImageName),
    Referrers(Reference),
    Delete(Reference),
}

impl Arguments {
    pub(crate) fn parse() -> Result<Option<Self>> {
        let (mut options, mut choice) = (Options::default(), Choice::default());
        let (mut user, mut words) = (None, Vec::new());
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("tags") => choice.tags.push(arguments.value()?.string()?),
                Short('u') | Long("username") => user = Some(arguments.value()?.string()?),
                Long("scoped") => choice.is_scoped = true,
                Long("keep-going") => choice.keeps_going = true,
                Short('h') | Long("help") => return Ok(None),
                Long(option) => {
                    let option = option.to_owned();
                    if !options.take(&option, &mut arguments)? {
                        return Err(Long(&option).unexpected().into());
                    }
                }
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(Self { command: Command::parse(&words, choice, user)?, options }))
    }
}

impl Command {
    fn parse(words: &[String], choice: Choice, user: Option<String>) -> Result<Self> {
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
            ["login", place] => {
                let user = user.ok_or("--username is missing")?;
                Self::LogIn(Login { place: place.to_owned(), user })
            }
            _ if user.is_some() => return Err("--username is for login".into()),
            ["logout", place] => Self::LogOut(place.to_owned()),
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
