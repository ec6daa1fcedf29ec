//! The commands that edit images of a layout: config, append, flatten, squash, rebase, recompress, strip.

mod arguments;
mod change;

use std::io::{self, Write};
use std::process::ExitCode;

use oci_cli::local;
use oci_image::images::Images;
use oci_image::{Descriptor, json};
use oci_layout::Layout;

use self::arguments::Arguments;
use crate::Result;

pub(crate) const COMMANDS: [&str; 7] =
    ["config", "append", "flatten", "squash", "rebase", "recompress", "strip"];

/// Runs one of [`COMMANDS`]: each image for the platform is edited, and the result gets the name.
pub(crate) fn run(command: &str, arguments: lexopt::Parser) -> Result<ExitCode> {
    let arguments = Arguments::parse(command, arguments)?;
    let (path, tag) = local::place(&arguments.image)?;
    let tag =
        tag.ok_or_else(|| format!("cannot edit `{}`: its name has no tag", arguments.image))?;
    let name = arguments.new_name.as_deref().unwrap_or(tag);
    Layout::check_name(name)?;
    let source = arguments.options.open(path)?;
    // What a dry run makes goes to a layout that nobody sees.
    let temporary = if arguments.dry_run { Some(tempfile::tempdir()?) } else { None };
    let target = match &temporary {
        Some(directory) => Layout::create(directory.path().join("layout"))?,
        None => arguments.options.open(path)?,
    };
    let root = source.resolve(tag)?;
    let change = &arguments.change;
    let edited = target.edit_images(&source, &root, arguments.platform.as_ref(), &mut |image| {
        change.apply(image, &target)
    })?;
    target.tag(name, &edited)?;
    show(&arguments, name, &edited)?;
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Arguments, name: &str, edited: &Descriptor) -> Result<()> {
    let mut out = io::stdout().lock();
    if arguments.json {
        out.write_all(&json::to_vec(edited)?)?;
        return Ok(writeln!(out)?);
    }
    let would = if arguments.dry_run { "\t(dry run)" } else { "" };
    Ok(writeln!(out, "{name}\t{}{would}", edited.digest)?)
}
