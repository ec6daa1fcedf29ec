use std::ops::Range;
use std::path::PathBuf;

use lexopt::prelude::*;
use oci_cli::config_change::ConfigChange;
use oci_cli::image_name::ImageName;
use oci_image::Platform;
use oci_image::layer::{CodecBy, Compression, EntryPath, Limits, Timestamp};
use oci_layout::LayoutOptions;

use super::change::Change;
use crate::Result;

/// What the command line asks for.
pub(super) struct Arguments {
    pub(super) image: ImageName,
    pub(super) new_name: Option<String>,
    pub(super) options: LayoutOptions,
    pub(super) platform: Option<Platform>,
    pub(super) dry_run: bool,
    pub(super) json: bool,
    pub(super) change: Change,
}

/// What is said before it is known whether it makes a change.
#[derive(Default)]
struct Said {
    config: Vec<ConfigChange>,
    layers: Vec<PathBuf>,
    created_by: Option<String>,
    range: Option<Range<usize>>,
    old_base: Option<ImageName>,
    new_base: Option<ImageName>,
    compression: Option<Compression>,
    level: Option<i32>,
    limits: Limits,
    stripped: Vec<EntryPath>,
    latest: Option<Timestamp>,
}

impl Arguments {
    pub(super) fn parse(command: &str, mut arguments: lexopt::Parser) -> Result<Self> {
        let mut said = Said::default();
        let (mut image, mut new_name, mut platform) = (None, None, None);
        let (mut options, mut dry_run, mut json) = (LayoutOptions::new(), false, false);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("platform") => platform = Some(arguments.value()?.parse()?),
                Long("dry-run") => dry_run = true,
                Long("json") => json = true,
                Long("shared-blobs") => options = options.shared_blobs(arguments.value()?),
                Value(name) if image.is_none() => image = Some(name.parse_with(str::parse)?),
                Value(name) if new_name.is_none() => new_name = Some(name.string()?),
                Long(option) => {
                    let option = option.to_owned();
                    said.take(command, &option, &mut arguments)?;
                }
                other => return Err(other.unexpected().into()),
            }
        }
        let image = image.ok_or("the image is missing: oci:DIRECTORY:TAG")?;
        let change = said.change(command)?;
        Ok(Self { image, new_name, options, platform, dry_run, json, change })
    }
}

impl Said {
    /// Takes an option that only some of the commands have.
    fn take(&mut self, command: &str, option: &str, arguments: &mut lexopt::Parser) -> Result<()> {
        if command == "config" {
            let change = ConfigChange::parse(option, arguments)?;
            self.config.push(change);
            return Ok(());
        }
        match (command, option) {
            ("append", "layer") => self.layers.push(arguments.value()?.into()),
            ("append", "created-by") => self.created_by = Some(arguments.value()?.string()?),
            ("squash", "layers") => self.range = Some(arguments.value()?.parse_with(range)?),
            ("rebase", "old-base") => self.old_base = Some(arguments.value()?.parse()?),
            ("rebase", "new-base") => self.new_base = Some(arguments.value()?.parse()?),
            ("strip", "path") => self.stripped.push(arguments.value()?.parse()?),
            ("strip", "latest") => {
                self.latest = Some(Timestamp::from_seconds(arguments.value()?.parse()?));
            }
            ("flatten" | "squash" | "recompress", "compress") => {
                self.compression =
                    Some(arguments.value()?.parse_with(oci_cli::compression::parse)?);
            }
            ("flatten" | "squash" | "recompress", "level") => {
                self.level = Some(arguments.value()?.parse()?);
            }
            ("append" | "flatten" | "squash" | "recompress" | "strip", "codec-by-content") => {
                self.limits.codec = CodecBy::Content;
            }
            _ => return Err(lexopt::Arg::Long(option).unexpected().into()),
        }
        Ok(())
    }

    fn change(self, command: &str) -> Result<Change> {
        let compression = self.compression.unwrap_or(Compression::gzip());
        let compression = match self.level {
            Some(level) => compression.level(level),
            None => compression,
        };
        let limits = self.limits;
        Ok(match command {
            "config" if self.config.is_empty() => return Err("there is nothing to change".into()),
            "config" => Change::Config(self.config),
            "append" if self.layers.is_empty() => return Err("--layer is missing".into()),
            "append" => Change::Append { layers: self.layers, created_by: self.created_by, limits },
            "flatten" => Change::Flatten { compression, limits },
            "squash" => {
                let range = self.range.ok_or("--layers FROM..TO is missing")?;
                Change::Squash { range, compression, limits }
            }
            "rebase" => Change::Rebase {
                old: self.old_base.ok_or("--old-base is missing")?,
                new: self.new_base.ok_or("--new-base is missing")?,
            },
            "strip" if self.stripped.is_empty() && self.latest.is_none() => {
                return Err("--path and --latest are missing".into());
            }
            "strip" => Change::Strip { paths: self.stripped, latest: self.latest, limits },
            _ => Change::Recompress { compression, limits },
        })
    }
}

/// Layers as they are counted from 1, the base first: `2..4` are three. Counted from 0, without the end, as Rust has it.
fn range(text: &str) -> Result<Range<usize>, &'static str> {
    const WRONG: &str = "it is not FROM..TO, two numbers of layers counted from 1";
    let (from, to) = text.split_once("..").ok_or(WRONG)?;
    let (from, to): (usize, usize) =
        (from.parse().map_err(|_| WRONG)?, to.parse().map_err(|_| WRONG)?);
    if from == 0 || from > to { Err(WRONG) } else { Ok(from - 1..to) }
}
