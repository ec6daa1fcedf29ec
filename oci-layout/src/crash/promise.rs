use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::graph::Walk;
use oci_image::images::Images;
use oci_image::{Descriptor, Digest};

use super::scenario::{complete, halves};
use crate::Layout;
use crate::lock::WORK;

/// What must be true after a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    /// That there is a layout.
    pub(super) exists: bool,
    /// What each name means.
    pub(super) names: BTreeMap<String, Digest>,
    /// Blobs that are there although nothing names them.
    pub(super) blobs: Vec<Descriptor>,
}

/// Checks the layout at `path`, where that many steps were acknowledged: it must be as promised after
/// the last of them, or as after the one that was under way.
pub(super) fn check(path: &Path, promises: &[Promise], acknowledged: usize) -> Result<(), String> {
    let kept = &promises[acknowledged];
    let next = promises.get(acknowledged + 1).unwrap_or(kept);
    let layout = if kept.exists { Layout::open(path) } else { Layout::create(path) };
    let layout = layout.map_err(|error| format!("cannot open: {error}"))?;
    let names = names(&layout)?;
    if names != kept.names && names != next.names {
        return Err(format!("wrong names {names:?}"));
    }
    for blob in kept.blobs.iter().filter(|blob| next.blobs.contains(blob)) {
        layout.read(blob, 1000).map_err(|error| format!("blob not there: {error}"))?;
    }
    whole(&layout)?;
    resumable(&layout)?;
    usable(layout)
}

/// Whatever is held of a blob, it can be completed: at once, or when that was dropped which was wrong.
fn resumable(layout: &Layout) -> Result<(), String> {
    for (blob, content) in halves() {
        let attempt = || match layout.resume(&blob)? {
            Some(writer) => complete(writer, content),
            None => Ok(()),
        };
        let outcome = match attempt() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => attempt(),
            outcome => outcome,
        };
        outcome.map_err(|error| format!("cannot resume: {error}"))?;
        let read = layout.read(&blob, 1000).map_err(|error| format!("blob not there: {error}"))?;
        if read != content {
            return Err("wrong content of a resumed blob".into());
        }
    }
    Ok(())
}

fn names(layout: &Layout) -> Result<BTreeMap<String, Digest>, String> {
    let entries = layout.list().map_err(|error| format!("wrong index: {error}"))?;
    Ok(entries
        .into_iter()
        .map(|entry| (entry.name.unwrap_or_default(), entry.descriptor.digest))
        .collect())
}

/// Everything that the index reaches is there and right.
pub(super) fn whole(layout: &Layout) -> Result<(), String> {
    let index = layout.read_index().map_err(|error| format!("wrong index: {error}"))?;
    for node in Walk::new(index.manifests).over(layout) {
        let blob = node.map_err(|error| format!("wrong document: {error}"))?.descriptor;
        let mut reader = layout
            .open(&blob)
            .map_err(|error| format!("wrong blob: {error}"))?
            .ok_or_else(|| format!("wrong index: no blob {}", blob.digest))?;
        io::copy(&mut reader, &mut io::sink()).map_err(|error| format!("wrong blob: {error}"))?;
    }
    Ok(())
}

/// The layout still works, and what the crash left is found to be garbage.
fn usable(layout: Layout) -> Result<(), String> {
    let blob = Descriptor::empty_json();
    layout.put(&blob, b"{}").map_err(|error| format!("cannot put: {error}"))?;
    layout.tag("after", &blob).map_err(|error| format!("cannot tag: {error}"))?;
    let path = layout.path().to_owned();
    drop(layout);
    let layout = Layout::open(&path).map_err(|error| format!("cannot open again: {error}"))?;
    layout.collect_garbage().map_err(|error| format!("cannot collect: {error}"))?;
    let left = std::fs::read_dir(path.join(WORK)).map_err(|error| error.to_string())?.count();
    if left != 1 {
        return Err(format!("{left} files under way are left"));
    }
    whole(&layout)
}
