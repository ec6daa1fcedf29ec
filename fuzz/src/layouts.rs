//! Layouts: arbitrary bytes as one of the files of a layout, and as an archive of a layout.

use std::collections::BTreeSet;
use std::fs;

use oci_image::blob::{BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::graph::Walk;
use oci_image::images::{Entry, Error, Images};
use oci_image::{Descriptor, Digest, LayoutFile, json};
use oci_layout::{
    Archive, ArchiveWriter, DockerArchive, DockerArchiveWriter, DockerForm, Durability, ErrorKind,
    Layout, LayoutOptions,
};
use tempfile::TempDir;

/// The largest blob that is read, in bytes.
const LIMIT: usize = 1 << 20;

thread_local! {
    /// Where the bytes are written: in memory if possible.
    static DIRECTORY: TempDir =
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
}

/// Bytes that are not an index are never overwritten; an edit of an index changes only what it names.
pub fn layout_index(data: &[u8]) {
    let layout = layout();
    let file = layout.path().join("index.json");
    fs::write(&file, data).unwrap();
    let blob = Descriptor::empty_json();
    let Ok(before) = layout.list() else {
        assert_eq!(layout.tag("tagged", &blob).unwrap_err().kind(), ErrorKind::Invalid);
        assert!(layout.resolve("tagged").is_err() && layout.garbage().is_err());
        assert_eq!(fs::read(&file).unwrap(), data);
        return;
    };
    before.iter().for_each(|entry| names(&layout, &before, entry));
    layout.put(&blob, b"{}").unwrap();
    layout.tag("tagged", &blob).unwrap();
    assert_eq!(layout.resolve("tagged").unwrap().digest, blob.digest);
    let unchanged = |entry: &Entry| match &entry.name {
        Some(name) => name != "tagged",
        None => entry.descriptor.digest != blob.digest,
    };
    let kept: Vec<_> = before.into_iter().filter(unchanged).collect();
    layout.untag("tagged").unwrap();
    assert_eq!(layout.list().unwrap(), kept);
}

/// An image is found by its name, if no other image has it.
fn names(layout: &Layout, entries: &[Entry], entry: &Entry) {
    let Some(name) = entry.name.as_ref().filter(|name| name.parse::<Digest>().is_err()) else {
        return;
    };
    let same = || entries.iter().filter(|it| it.name.as_ref() == Some(name));
    match layout.resolve(name) {
        Ok(found) => {
            assert_eq!(Some(&found), same().next().map(|it| &it.descriptor));
            assert!(same().all(|it| it.descriptor.digest == found.digest));
        }
        Err(error) => {
            assert!(matches!(error, Error::Ambiguous { .. }), "{error}");
            assert!(same().any(|it| it.descriptor.digest != entry.descriptor.digest));
        }
    }
}

/// A layout is opened if the file has the right version, and not changed.
pub fn layout_file(data: &[u8]) {
    let layout = layout();
    let file = layout.path().join("oci-layout");
    fs::write(&file, data).unwrap();
    let version = json::from_slice::<LayoutFile>(data).map(|file| file.image_layout_version);
    let opened = Layout::open(layout.path()).map(drop).map_err(|error| error.kind());
    let created = Layout::create(layout.path()).map(drop).map_err(|error| error.kind());
    assert_eq!(opened, created);
    match version {
        Ok(version) if version == LayoutFile::VERSION => assert_eq!(opened, Ok(())),
        Ok(_) => assert_eq!(opened, Err(ErrorKind::Version)),
        Err(_) => assert_eq!(opened, Err(ErrorKind::Invalid)),
    }
    assert_eq!(fs::read(&file).unwrap(), data);
}

/// What is read of an archive has the requested digest, and is the same in an archive written from it.
pub fn layout_archive(data: &[u8]) {
    let path = DIRECTORY.with(|directory| directory.path().join("archive"));
    fs::write(&path, crate::layer::seal(data)).unwrap();
    let Ok(archive) = Archive::open(&path) else { return };
    let roots = &archive.index().unwrap().manifests;
    let Some(blobs) = whole(&archive, roots) else { return };
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    writer.append(&archive, roots).unwrap();
    fs::write(&path, writer.finish().unwrap()).unwrap();
    let again = Archive::open(&path).unwrap();
    assert_eq!(again.index().unwrap().manifests, *roots);
    assert_eq!(whole(&again, roots), Some(blobs));
}

/// Arbitrary bytes as `manifest.json`: each image of an accepted archive is whole, can be copied to a layout, and
/// is the same in an archive that we write.
pub fn docker_manifest(data: &[u8]) {
    let layer = [0; 1024];
    let diff_id = Digest::sha256(layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    let mut tar = Vec::new();
    let files =
        [("config.json", config.as_bytes()), ("layer.tar", &layer), ("manifest.json", data)];
    for (name, content) in files {
        tar.extend(header(name, content.len()));
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let path = DIRECTORY.with(|directory| directory.path().join("docker"));
    fs::write(&path, tar).unwrap();
    let Ok(archive) = DockerArchive::open(&path) else { return };
    let roots = &archive.index().unwrap().manifests;
    let blobs = whole(&archive, roots).unwrap();
    assert_eq!(blobs.is_empty(), roots.is_empty());
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    writer.append(&archive, roots).unwrap();
    writer.finish().unwrap();
    for form in [DockerForm::Oci, DockerForm::Legacy] {
        saved_again(&archive, &blobs, form);
    }
}

/// The same images in an archive that we write have the same blobs.
fn saved_again(archive: &DockerArchive, blobs: &[(Digest, Vec<u8>)], form: DockerForm) {
    let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
    for entry in archive.list().unwrap() {
        let image = archive.image(entry.descriptor.digest.as_str()).unwrap();
        // A name may be invalid in an archive, or in use already.
        let names: Vec<_> = entry.name.as_deref().into_iter().collect();
        let _ = writer.append(&image, &names).or_else(|_| writer.append(&image, &[])).unwrap();
    }
    let path = DIRECTORY.with(|directory| directory.path().join("saved"));
    fs::write(&path, writer.finish().unwrap()).unwrap();
    let again = DockerArchive::open(&path).unwrap();
    let found = whole(&again, &again.index().unwrap().manifests).unwrap();
    assert_eq!(BTreeSet::from_iter(&found), BTreeSet::from_iter(blobs));
}

fn header(name: &str, size: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    crate::layer::seal(&header)
}

/// All blobs below `roots`, if each exists and is valid.
fn whole(
    archive: &(impl BlobSource + Sync),
    roots: &[Descriptor],
) -> Option<Vec<(Digest, Vec<u8>)>> {
    let mut blobs = Vec::new();
    for node in Walk::new(roots.iter().cloned()).over(archive) {
        let blob = node.ok()?.descriptor;
        archive.open(&blob).ok()??;
        let bytes = archive.read(&blob, LIMIT).ok()?;
        assert_eq!(bytes.len() as u64, blob.size);
        blobs.push((blob.digest, bytes));
    }
    Some(blobs)
}

fn layout() -> Layout {
    let path = DIRECTORY.with(|directory| directory.path().join("layout"));
    let options = LayoutOptions::new().durability(Durability::Relaxed);
    if path.exists() {
        // It may still hold the bytes of the previous run.
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
    options.create(path).unwrap()
}
