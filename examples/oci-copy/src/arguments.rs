use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_distribution_client::{Client, Config, Credentials};
use oci_image::{Platform, Reference};

use crate::Result;

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) selection: Selection,
    pub(crate) jobs: usize,
    connection: Connection,
    source: Option<Credentials>,
    destination: Option<Credentials>,
}

pub(crate) enum Command {
    Copy { from: ImageName, to: ImageName },
    Tags(Reference),
    Digest(ImageName),
    Inspect(ImageName),
    Referrers(Reference),
    Delete(Reference),
}

/// What is taken of an index.
pub(crate) enum Selection {
    All,
    Platform(Platform),
}

/// How registries are asked.
#[derive(Default)]
struct Connection {
    login_file: Option<PathBuf>,
    authority: Option<PathBuf>,
    http: Http,
}

#[derive(Clone, Copy, Default)]
enum Http {
    #[default]
    Never,
    OnThisMachine,
    Anywhere,
}

/// Which end of a copy a registry is.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Source,
    Destination,
}

impl Arguments {
    pub(crate) fn parse() -> Result<Option<Self>> {
        let mut connection = Connection::default();
        let mut selection = Selection::Platform(Platform::host());
        let (mut source, mut destination, mut jobs, mut words) = (None, None, 4, Vec::new());
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("platform") => selection = Selection::Platform(arguments.value()?.parse()?),
                Long("all") => selection = Selection::All,
                Long("jobs") => jobs = arguments.value()?.parse()?,
                Long("src-creds") => source = Some(login(arguments.value()?)?),
                Long("dest-creds") => destination = Some(login(arguments.value()?)?),
                Long("authfile") => connection.login_file = Some(arguments.value()?.into()),
                Long("ca") => connection.authority = Some(arguments.value()?.into()),
                Long("plain-http") => connection.http = Http::OnThisMachine,
                Long("danger-plain-http") => connection.http = Http::Anywhere,
                Short('h') | Long("help") => return Ok(None),
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let command = Command::parse(&words)?;
        Ok(Some(Self { command, selection, jobs, connection, source, destination }))
    }

    /// A client for the registry of `name`, with the login for its end.
    pub(crate) fn client(&self, name: &Reference, end: End) -> Result<Client> {
        let registry = name.registry().as_str();
        let mut config = match &self.connection.login_file {
            Some(file) => Config::default().login_file(file)?,
            None => Config::from_environment()?,
        };
        if let Some(path) = &self.connection.authority {
            let certificate = std::fs::read(path)
                .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
            config = config.root_certificate(certificate);
        }
        let credentials = match end {
            End::Source => &self.source,
            End::Destination => &self.destination,
        };
        if let Some(credentials) = credentials {
            config = config.credentials(registry, credentials.clone());
        }
        config = match self.connection.http {
            Http::Never => config,
            Http::OnThisMachine => config.plain_http(registry),
            Http::Anywhere => config.danger_plain_http(registry),
        };
        Ok(Client::new(config)?)
    }
}

impl Command {
    fn parse(words: &[String]) -> Result<Self> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Ok(match words[..] {
            ["tags", name] => Self::Tags(registry(name)?),
            ["digest", name] => Self::Digest(name.parse()?),
            ["inspect", name] => Self::Inspect(name.parse()?),
            ["referrers", name] => Self::Referrers(registry(name)?),
            ["delete", name] => Self::Delete(registry(name)?),
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

/// `USER:PASSWORD`, which is not repeated in errors.
fn login(text: OsString) -> Result<Credentials> {
    let text = text.into_string().map_err(|_| "the login is not UTF-8")?;
    let (user, password) = text.split_once(':').ok_or("the login is not USER:PASSWORD")?;
    Ok(Credentials::basic(user, password))
}
