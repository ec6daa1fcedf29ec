//! The commands on layouts and archives: ls, tree, files, find, tag, untag, gc, fsck.

mod files;
mod fsck;
mod gc;
mod names;
mod tree;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_cli::local::{self, Store};
use oci_cli::report::plain;
use oci_image::{Platform, json};
use oci_layout::{Layout, LayoutOptions};
use serde::Serialize;

use crate::Result;

pub(crate) const COMMANDS: [&str; 8] =
    ["ls", "tree", "files", "find", "tag", "untag", "gc", "fsck"];

/// A command line: the store, and the options.
#[derive(Default)]
struct Request {
    image: Option<ImageName>,
    /// The other layouts whose blobs are in the same directory.
    others: Vec<ImageName>,
    options: LayoutOptions,
    shares_blobs: bool,
    new_name: Option<String>,
    /// What `files` and `find` are for.
    platform: Option<Platform>,
    /// What paths of files are to match.
    patterns: Vec<Vec<u8>>,
    json: bool,
    dry_run: bool,
    repair: bool,
    /// Whether indexes may list images that are not there.
    sparse_indexes: bool,
}

/// Runs one of [`COMMANDS`].
pub(crate) fn run(command: &str, arguments: lexopt::Parser) -> Result<ExitCode> {
    let request = Request::parse(command, arguments)?;
    match command {
        "ls" => names::list(&request),
        "find" if request.patterns.is_empty() => Err("the PATTERN is missing".into()),
        "files" | "find" => files::list(&request),
        "tag" => names::tag(&request),
        "untag" => names::untag(&request),
        "gc" => gc::collect(&request),
        "fsck" => return fsck::check(&request),
        _ => tree::draw(&request),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl Request {
    fn parse(command: &str, mut arguments: lexopt::Parser) -> Result<Self> {
        let mut request = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") => request.json = true,
                Long("dry-run") if command == "gc" => request.dry_run = true,
                Long("repair") if command == "fsck" => request.repair = true,
                Long("platform") if ["files", "find"].contains(&command) => {
                    request.platform = Some(arguments.value()?.parse()?);
                }
                Long("sparse-indexes") if command == "fsck" => request.sparse_indexes = true,
                Long("shared-blobs") => {
                    request.options = request.options.shared_blobs(arguments.value()?);
                    request.shares_blobs = true;
                }
                Value(image) if request.image.is_none() => {
                    request.image = Some(image.parse_with(str::parse)?);
                }
                Value(image) if command == "gc" && request.shares_blobs => {
                    request.others.push(image.parse_with(str::parse)?);
                }
                Value(pattern) if command == "find" => {
                    request.patterns.push(pattern.into_encoded_bytes());
                }
                Value(name) if command == "tag" && request.new_name.is_none() => {
                    request.new_name = Some(name.string()?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(request)
    }

    /// The layout or archive, and the name in it if one is given.
    fn store(&self) -> Result<(Store, Option<&str>)> {
        match &self.image {
            Some(image) => local::open(image, &self.options),
            None => {
                Err("the store is missing: oci:DIRECTORY, oci-archive:FILE or docker-archive:FILE"
                    .into())
            }
        }
    }

    /// The layout, and the name in it if one is given.
    fn layout(&self) -> Result<(Layout, Option<&str>)> {
        let (path, name) = self.directory()?;
        Ok((self.options.open(path)?, name))
    }

    /// All layouts that are named.
    fn layouts(&self) -> Result<Vec<Layout>> {
        let open = |image| Ok(self.options.open(directory(image)?.0)?);
        self.image.iter().chain(&self.others).map(open).collect()
    }

    /// Where the layout is, and the name in it if one is given.
    fn directory(&self) -> Result<(&Path, Option<&str>)> {
        self.image.as_ref().map_or(Err("the layout is missing: oci:DIRECTORY".into()), directory)
    }

    /// The layout and the name in it, which must be given.
    fn named(&self) -> Result<(Layout, &str)> {
        match self.layout()? {
            (layout, Some(name)) => Ok((layout, name)),
            _ => Err("the image is missing: oci:DIRECTORY:TAG".into()),
        }
    }

    /// Prints one thing: a line of JSON, or of text in columns.
    fn print(&self, value: &impl Serialize, columns: &[&dyn fmt::Display]) -> Result<()> {
        let line = if self.json {
            json::to_vec(value)?
        } else {
            let columns: Vec<_> = columns.iter().map(|it| plain(&it.to_string())).collect();
            columns.join("\t").into_bytes()
        };
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        Ok(writeln!(out)?)
    }
}

/// Where a layout is, and the name in it if one is given.
fn directory(image: &ImageName) -> Result<(&Path, Option<&str>)> {
    match image {
        ImageName::Layout { path, tag } => Ok((path, tag.as_deref())),
        other => Err(format!("cannot change `{other}`: it is not in a layout").into()),
    }
}
