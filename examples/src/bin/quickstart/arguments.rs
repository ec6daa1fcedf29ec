//! What the command line asks for.

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;

use crate::Result;

pub(crate) const USAGE: &str = "\
usage: quickstart [--explain] [[--plain-http] IMAGE [-- ARGS…]]

Makes an image of a small root filesystem, pushes it to a registry of its own, pulls and verifies it,
unpacks it and runs it as a container. It leaves nothing behind.

  IMAGE          run this image instead: docker://HOST/REPOSITORY:TAG, oci:DIRECTORY[:TAG],
                 oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG]
  ARGS           what the container runs, in place of the image's own command
  --plain-http   speak http to the registry, which must be on this machine
  --explain      print the steps that would create the container, and do none
  -h, --help     print this";

pub(crate) enum Arguments {
    Help,
    /// What the container of the demonstration runs if the host has no busybox.
    Report,
    Run(Run),
}

#[derive(Default)]
pub(crate) struct Run {
    pub(crate) image: Option<ImageName>,
    pub(crate) args: Vec<String>,
    pub(crate) plain_http: bool,
    pub(crate) explain: bool,
}

/// The command line is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}; `quickstart --help` says how it is used")]
pub(crate) struct Misuse(String);

impl Arguments {
    pub(crate) fn parse() -> Result<Self> {
        Ok(Self::from_parser(lexopt::Parser::from_env())
            .map_err(|error| Misuse(error.to_string()))?)
    }

    fn from_parser(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut run = Run::default();
        loop {
            if run.image.is_some()
                && let Some(args) = words_after_dashes(&mut parser)?
            {
                run.args = args;
            }
            let Some(argument) = parser.next()? else { break };
            match argument {
                Short('h') | Long("help") => return Ok(Self::Help),
                Long("report") => return Ok(Self::Report),
                Long("plain-http") => run.plain_http = true,
                Long("explain") => run.explain = true,
                Value(name) if run.image.is_none() => {
                    run.image = Some(name.parse_with(str::parse)?);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(Self::Run(run))
    }
}

/// The words after `--`, if that comes next.
fn words_after_dashes(parser: &mut lexopt::Parser) -> Result<Option<Vec<String>>, lexopt::Error> {
    match parser.try_raw_args() {
        Some(words) if words.peek().is_some_and(|word| word == "--") => {
            words.skip(1).map(|word| word.string()).collect::<Result<_, _>>().map(Some)
        }
        _ => Ok(None),
    }
}
