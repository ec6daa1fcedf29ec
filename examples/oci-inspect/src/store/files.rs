//! The files of an image, without unpacking it.

use oci_cli::local;
use oci_cli::report::plain;
use oci_image::Platform;
use oci_image::layer::{Kind, Limits, ListedFile, PathPattern};
use serde::Serialize;

use super::Request;
use crate::Result;

/// Text of any bytes is as an escaped string.
#[derive(Serialize)]
struct Line {
    path: String,
    kind: &'static str,
    size: u64,
    mode: String,
    uid: u32,
    gid: u32,
    mtime: String,
    target: Option<String>,
    device: Option<String>,
    xattrs: std::collections::BTreeMap<String, String>,
    layer: Option<usize>,
}

/// Prints a line for each file, or for each that a pattern matches.
pub(super) fn list(request: &Request) -> Result<()> {
    let (store, name) = request.store()?;
    let platform = request.platform.clone().unwrap_or_else(Platform::host);
    let files = local::image(&store, name, &platform)?.files(&Limits::default())?;
    match request.patterns.as_slice() {
        [] => files.list().try_for_each(|file| show(request, &file)),
        patterns => {
            let patterns: Vec<_> = patterns.iter().map(PathPattern::new).collect();
            files.find(&patterns).try_for_each(|file| show(request, &file))
        }
    }
}

fn show(request: &Request, file: &ListedFile) -> Result<()> {
    let entry = &file.entry;
    let layer = file.layer.map_or_else(|| "-".to_owned(), |layer| layer.to_string());
    let (mtime, text) = (entry.metadata.mtime, entry.to_string());
    request.print(&line(file), &[&layer, &mtime, &plain(&text)])
}

fn line(file: &ListedFile) -> Line {
    let ListedFile { entry, layer, .. } = file;
    let metadata = &entry.metadata;
    let escape = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let (kind, target, device) = match &entry.kind {
        Kind::File { .. } => ("file", None, None),
        Kind::Directory => ("directory", None, None),
        Kind::Symlink { target } => ("symlink", Some(escape(target)), None),
        Kind::Hardlink { target } => ("hardlink", Some(escape(target.as_bytes())), None),
        Kind::CharDevice(device) => ("char", None, Some(device.to_string())),
        Kind::BlockDevice(device) => ("block", None, Some(device.to_string())),
        Kind::Fifo => ("fifo", None, None),
    };
    Line {
        path: escape(entry.path.as_bytes()),
        kind,
        size: entry.size(),
        mode: format!("{:04o}", metadata.mode),
        uid: metadata.uid,
        gid: metadata.gid,
        mtime: metadata.mtime.to_string(),
        target,
        device,
        xattrs: metadata.xattrs.iter().map(|(name, value)| (escape(name), escape(value))).collect(),
        layer: *layer,
    }
}
