use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::*;
use oci_cli::report::tell;
use oci_registry::Store;
use oci_registry::store::{Damage, Retention};

use crate::Result;

/// What is done to the store of a directory that is not served.
pub(crate) struct Upkeep {
    command: Command,
    directory: PathBuf,
    grace: Option<Duration>,
    /// How fast content is read, in bytes a second.
    rate: u64,
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Gc,
    Scrub,
    Check,
}

impl Upkeep {
    /// What the first argument asks for; none if it asks for something else.
    pub(crate) fn parse() -> Result<Option<Self>> {
        let mut arguments = lexopt::Parser::from_env();
        let command = match arguments.next()? {
            Some(Value(word)) if word == "gc" => Command::Gc,
            Some(Value(word)) if word == "scrub" => Command::Scrub,
            Some(Value(word)) if word == "check" => Command::Check,
            _ => return Ok(None),
        };
        let (mut directory, mut grace, mut rate) = (None, None, u64::MAX);
        while let Some(argument) = arguments.next()? {
            match (argument, command) {
                (Value(path), _) if directory.is_none() => directory = Some(PathBuf::from(path)),
                (Long("grace"), Command::Gc) => {
                    grace = Some(Duration::from_secs(arguments.value()?.parse()?));
                }
                (Long("rate"), Command::Scrub) => rate = arguments.value()?.parse()?,
                (other, _) => return Err(other.unexpected().into()),
            }
        }
        let directory = directory.ok_or("which directory is the store?")?;
        Ok(Some(Self { command, directory, grace, rate }))
    }

    /// Carries it out. False if something is damaged.
    pub(crate) async fn run(self) -> Result<bool> {
        if !self.directory.join("repositories").is_dir() {
            let directory = self.directory.display();
            return Err(format!("`{directory}` is not the store of a registry").into());
        }
        let mut store = Store::directory(&self.directory)?;
        if let Some(grace) = self.grace {
            store = store.grace(grace);
        }
        let mut damages = 0;
        let tell_damage = |damage: &Damage| {
            damages += 1;
            tell(damage);
        };
        match self.command {
            Command::Gc => collect(&store).await?,
            Command::Scrub => store.scrub(self.rate, tell_damage).await?,
            Command::Check => store.check(tell_damage).await?,
        }
        Ok(damages == 0)
    }
}

pub(crate) async fn collect(store: &Store) -> Result<()> {
    let collected = store.collect(&Retention::new()).await?;
    let (manifests, blobs) = (collected.manifests, collected.blobs);
    tell(format_args!("removed {manifests} manifests and {blobs} blobs"));
    Ok(())
}

/// The store that a word names.
pub(crate) fn open(store: Option<&str>) -> Result<Store> {
    Ok(match store {
        None | Some("memory") => Store::memory(),
        Some(store) => match store.strip_prefix("oci:") {
            Some(layout) => Store::new(crate::layout::LayoutStore::open(Path::new(layout))?),
            None => Store::directory(store)?,
        },
    })
}
