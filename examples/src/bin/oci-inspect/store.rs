//! The commands that look after a layout: ls, tree, tag, untag, gc, fsck.

mod fsck;
mod gc;
mod names;
mod tree;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use lexopt::prelude::*;
use oci_examples::image_name::ImageName;
use oci_examples::local::Store;
use oci_examples::report::plain;
use oci_image::json;
use oci_layout::Layout;
use serde::Serialize;

use crate::Result;

pub(crate) const COMMANDS: [&str; 6] = ["ls", "tree", "tag", "untag", "gc", "fsck"];

/// What is asked of which layout.
#[derive(Default)]
struct Request {
    image: Option<ImageName>,
    new_name: Option<String>,
    json: bool,
    dry_run: bool,
    repair: bool,
}

/// Runs one of [`COMMANDS`].
pub(crate) fn run(command: &str, arguments: lexopt::Parser) -> Result<ExitCode> {
    let request = Request::parse(command, arguments)?;
    match command {
        "ls" => names::list(&request),
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
                Value(image) if request.image.is_none() => {
                    request.image = Some(image.parse_with(str::parse)?);
                }
                Value(name) if command == "tag" && request.new_name.is_none() => {
                    request.new_name = Some(name.string()?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(request)
    }

    /// The layout or archive and, if one is said, the name in it.
    fn store(&self) -> Result<(Store, Option<&str>)> {
        match &self.image {
            Some(image) => Store::open(image),
            None => Err(
                "which images? name them as oci:DIRECTORY, oci-archive:FILE or docker-archive:FILE"
                    .into(),
            ),
        }
    }

    /// The layout and, if one is said, the name in it.
    fn layout(&self) -> Result<(Layout, Option<&str>)> {
        let (path, name) = self.directory()?;
        Ok((Layout::open(path)?, name))
    }

    /// Where the layout is and, if one is said, the name in it.
    fn directory(&self) -> Result<(&Path, Option<&str>)> {
        match &self.image {
            Some(ImageName::Layout { path, tag }) => Ok((path, tag.as_deref())),
            Some(other) => {
                Err(format!("`{other}` is not in a layout, which alone can be changed").into())
            }
            None => Err("which layout? name it as oci:DIRECTORY".into()),
        }
    }

    /// The layout and the name in it, which must be said.
    fn named(&self) -> Result<(Layout, &str)> {
        match self.layout()? {
            (layout, Some(name)) => Ok((layout, name)),
            _ => Err("which image? name it as oci:DIRECTORY:TAG".into()),
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
