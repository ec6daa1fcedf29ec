//! The command that says what differs between two images.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_cli::report::plain;
use oci_image::archive::{self, Reader};
use oci_image::images::{Image, Images};
use oci_image::json::Value;
use oci_image::layer::{Compression, Limits};
use oci_image::oci_digest::HashWriter;
use oci_image::{Algorithm, Platform, json};
use oci_layout::LayoutOptions;

use crate::Result;

/// What is compared of an image, by where it is.
type Parts = BTreeMap<String, String>;

/// Prints a line for each thing that only one of two images has, or both have otherwise; exits with 1 if
/// there is one.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut names, mut platform) = (Vec::<ImageName>::new(), Platform::host());
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("platform") => platform = arguments.value()?.parse()?,
            Arg::Value(name) if names.len() < 2 => names.push(name.parse_with(str::parse)?),
            other => return Err(other.unexpected().into()),
        }
    }
    let [first, second] = &names[..] else { return Err("two images are compared".into()) };
    let (first, second) = (parts(first, &platform)?, parts(second, &platform)?);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut differs = false;
    let places: std::collections::BTreeSet<_> = first.keys().chain(second.keys()).collect();
    for place in places {
        let (before, after) = (first.get(place), second.get(place));
        if before == after {
            continue;
        }
        differs = true;
        for (sign, what) in [('-', before), ('+', after)] {
            if let Some(what) = what {
                writeln!(out, "{sign} {place} {}", plain(what))?;
            }
        }
    }
    out.flush()?;
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn parts(name: &ImageName, platform: &Platform) -> Result<Parts> {
    let (store, tag) = local::open(name, &LayoutOptions::new())?;
    let tag = tag.ok_or_else(|| format!("cannot compare `{name}`: its name has no tag"))?;
    let image = store.image_for(tag, platform)?;
    let mut parts = Parts::new();
    let config: Value = json::from_slice(image.config()?.bytes())?;
    members("config", &config, &mut parts);
    for (key, value) in &image.manifest().annotations {
        parts.insert(format!("annotation {key}"), value.clone());
    }
    files(&image, &mut parts)?;
    Ok(parts)
}

/// The members of a config, one by one. Layers are compared by what they make.
fn members(place: &str, value: &Value, parts: &mut Parts) {
    match value {
        _ if place == "config/rootfs" || place == "config/history" => {}
        Value::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                members(&format!("{place}/{name}"), value, parts);
            }
        }
        value => {
            let text = json::to_vec(value).unwrap_or_default();
            parts.insert(place.to_owned(), String::from_utf8_lossy(&text).into_owned());
        }
    }
}

/// All files with their attributes and the digests of their contents.
fn files(image: &Image<'_>, parts: &mut Parts) -> Result<()> {
    let archive = tempfile::tempfile()?;
    let (archive, _) =
        image.files(&Limits::default())?.export(BufWriter::new(archive), &Compression::none())?;
    let archive: File = archive.into_inner().map_err(|error| error.into_error())?;
    let mut members = Reader::new(BufReader::new(archive), archive::Limits::default())?;
    while let Some(member) = members.next_member()? {
        let mut content = HashWriter::new(io::sink(), Algorithm::Sha256);
        io::copy(&mut members, &mut content)?;
        let (_, digest, size) = content.finish();
        let entry = &member.entry;
        let mut what = entry.to_string();
        let path = entry.path.to_string();
        what.truncate(what.find(&path).unwrap_or(what.len()));
        what.push_str(&format!("{}", entry.metadata.mtime));
        if size > 0 {
            what.push_str(&format!(" {digest}"));
        }
        for (name, value) in &entry.metadata.xattrs {
            what.push_str(&format!(" {}={}", name.escape_ascii(), value.escape_ascii()));
        }
        parts.insert(format!("file {path}"), what);
    }
    Ok(())
}
