//! The commands that edit images of a layout: config, append, flatten, squash, rebase, recompress, strip.

mod arguments;
mod change;

use std::io::{self, Write};
use std::process::ExitCode;

use oci_cli::local;
use oci_image::annotations::REF_NAME;
use oci_image::images::{self, Images};
use oci_image::{Descriptor, Platform, json};
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
    let (root, has_namesakes) = root(&source, tag, arguments.platform.as_ref())?;
    let change = &arguments.change;
    let edited = target.edit_images(&source, &root, arguments.platform.as_ref(), &mut |image| {
        change.apply(image, &target)
    })?;
    match has_namesakes && name == tag {
        true => replace(&target, name, &root, &edited)?,
        false => target.tag(name, &edited)?,
    }
    show(&arguments, name, &edited)?;
    Ok(ExitCode::SUCCESS)
}

/// What is edited, and whether other images have the same name: then it is the one for the platform.
fn root(source: &Layout, tag: &str, platform: Option<&Platform>) -> Result<(Descriptor, bool)> {
    match source.resolve(tag) {
        Err(error @ images::Error::Ambiguous { .. }) => {
            let host = Platform::host();
            let image = source.image_for(tag, platform.unwrap_or(&host))?.descriptor().clone();
            // It may be in one of several indexes.
            match source.named(tag)?.iter().any(|named| named.digest == image.digest) {
                true => Ok((image, true)),
                false => Err(error.into()),
            }
        }
        resolved => Ok((resolved?, false)),
    }
}

/// Gives the name to what was edited, in the place of what it was before. Other images keep the same name.
fn replace(layout: &Layout, name: &str, before: &Descriptor, edited: &Descriptor) -> Result<()> {
    let mut named = edited.clone();
    named.annotations.insert(REF_NAME.into(), name.into());
    layout.edit_index(|index| {
        index.manifests.retain(|entry| {
            entry.digest != before.digest
                || entry.annotations.get(REF_NAME).is_none_or(|it| it != name)
        });
        index.manifests.push(named.clone());
        Ok(())
    })?;
    Ok(())
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
