//! A store whose content is not what it was.

use std::fs;
use std::io::{self, ErrorKind};

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt, Memory};
use oci_image::build::{Builder, Layer};
use oci_image::images::Images;
use oci_image::layer::{Compression, Limits};
use oci_image::{Descriptor, MediaType, Platform};
use oci_layout::{Archive, ArchiveWriter, DockerArchive, DockerArchiveWriter, DockerForm, Layout};

use crate::fixture::empty;
use oci_testing::tar::{Tar, diff_id};

/// A layout with an image `v1` of two small layers.
pub(crate) fn store() -> (tempfile::TempDir, Layout) {
    let (directory, layout) = empty();
    let mut builder = Builder::new(&Platform::host());
    for name in ["one", "two"] {
        let tar = Tar::default().directory("etc").file(format!("etc/{name}"), name).end();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        io::Write::write_all(&mut gzip, &tar).unwrap();
        let bytes = gzip.finish().unwrap();
        let blob = Descriptor::of(MediaType::LAYER_TAR_GZIP, &bytes);
        oci_image::blob::BlobSinkExt::put(&layout, &blob, &bytes).unwrap();
        builder = builder.layer(Layer::new(blob, diff_id(&tar)));
    }
    layout.put_image(&builder.build().unwrap()).unwrap().tag("v1").unwrap();
    (directory, layout)
}

fn blobs(layout: &Layout) -> Vec<Descriptor> {
    let image = layout.resolve("v1").unwrap();
    layout.walk(&image).map(|node| node.unwrap().descriptor).collect()
}

/// Copies all that the image reaches to another store, as a push does.
fn copy(source: &impl BlobSource, blobs: &[Descriptor], sink: &Memory) -> io::Result<()> {
    for blob in blobs {
        sink.put_from(blob, source.open(blob)?.unwrap())?;
    }
    Ok(())
}

/// Calls `check` for each blob of the image, with its bytes wrong in one of several ways.
fn each_damage(layout: &Layout, step: usize, check: impl Fn(&Descriptor, &str)) {
    for blob in blobs(layout) {
        let path = layout.path().join("blobs/sha256").join(blob.digest.encoded());
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&path, bad).unwrap();
            check(&blob, &format!("byte {at} of {} {}", blob.media_type, blob.digest));
        }
        for (bad, what) in [
            (&good[..good.len() - 1], "shorter"),
            (&[&good[..], &[0]].concat(), "longer"),
            (&good[..0], "empty"),
            (&vec![0; good.len()], "zeros"),
        ] {
            fs::write(&path, bad).unwrap();
            check(&blob, &format!("{what}: {} {}", blob.media_type, blob.digest));
        }
        fs::write(&path, good).unwrap();
    }
}

// covers: IMG-LAYOUT-05
#[test]
fn every_reader_refuses_a_blob_with_one_wrong_byte() {
    let (_directory, layout) = store();
    each_damage(&layout, 1, |blob, what| {
        let refused = layout.read(blob, 1 << 20).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{what}");
        if blob.media_type.is_manifest() {
            let refused = layout.any_document(blob).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{what}");
            let refused = layout.image("v1").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{what}");
        } else if blob.media_type == MediaType::IMAGE_CONFIG {
            let refused = layout.image("v1").unwrap().config().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{what}");
        }
    });
}

#[test]
fn one_wrong_byte_is_found_and_never_passed_on() {
    let (_directory, layout) = store();
    let all = blobs(&layout);
    let image = layout.image("v1").unwrap();
    each_damage(&layout, 5, |blob, what| {
        let memory = Memory::new();
        let refused = copy(&layout, &all, &memory).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{what}");
        assert!(!memory.digests().contains(&blob.digest), "{what}");

        let faults = layout.fsck().unwrap();
        assert!(faults.iter().any(|it| it.digest.as_ref() == Some(&blob.digest)), "{what}");

        let writer = ArchiveWriter::new(Vec::new()).unwrap();
        let refused = writer.append(&layout, &all[..1]).unwrap_err();
        assert_eq!(refused.kind(), oci_layout::ErrorKind::Invalid, "{what}");

        let target = Layout::create(layout.path().with_extension("target")).unwrap();
        let refused = target.copy_from(&layout, &all[0]).unwrap_err();
        assert_eq!(refused.kind(), oci_layout::ErrorKind::Invalid, "{what}");
        assert!(target.open(blob).unwrap().is_none(), "{what}");
        fs::remove_dir_all(target.path()).unwrap();

        if !blob.media_type.is_manifest() {
            let form = DockerForm::Legacy;
            let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
            let refused = writer.append(&image, &[]).unwrap_err();
            assert_eq!(refused.kind(), oci_layout::ErrorKind::Invalid, "{what}");
            oci_layout::recompress(
                &image,
                &Compression::none(),
                &Limits::default(),
                &Memory::new(),
            )
            .expect_err(what);
            let exported = image
                .files(&Limits::default())
                .is_ok_and(|files| files.export(io::sink(), &Compression::none()).is_ok());
            assert!(!exported, "{what}");
        }
    });
    copy(&layout, &all, &Memory::new()).unwrap();
    assert_eq!(layout.fsck().unwrap(), []);
}

#[test]
fn a_collector_never_trusts_a_damaged_document() {
    let (_directory, layout) = store();
    let path = layout.path().to_owned();
    let blobs = path.join("blobs/sha256");
    each_damage(&layout, 9, |blob, what| {
        let collector = Layout::open(&path).unwrap();
        let collected = collector.collect_garbage();
        assert_eq!(collected.is_err(), blob.media_type.is_manifest(), "{what}");
        assert_eq!(fs::read_dir(&blobs).unwrap().count(), 4, "{what}");
    });
}

#[test]
fn a_writer_replaces_what_is_damaged() {
    let (_directory, layout) = store();
    let memory = Memory::new();
    copy(&layout, &blobs(&layout), &memory).unwrap();
    each_damage(&layout, 7, |blob, what| {
        let mut writer = layout.create(blob).unwrap().expect(what);
        io::copy(&mut memory.open(blob).unwrap().unwrap(), &mut writer).unwrap();
        writer.commit().unwrap();
        layout.read(blob, 1 << 20).expect(what);
    });
}

/// Each byte of an archive, wherever it stands.
#[test]
fn no_wrong_byte_of_an_archive_changes_what_it_holds() {
    let (directory, layout) = store();
    let image = layout.resolve("v1").unwrap();
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    writer.append(&layout, std::slice::from_ref(&image)).unwrap();
    let good = writer.finish().unwrap();
    let path = directory.path().join("archive.tar");
    let all = blobs(&layout);
    let originals: Vec<_> = all.iter().map(|blob| layout.read(blob, 1 << 20).unwrap()).collect();
    let mut refused = 0;
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, bad).unwrap();
        let Ok(archive) = Archive::open(&path) else {
            refused += 1;
            continue;
        };
        for (blob, original) in all.iter().zip(&originals) {
            match archive.read(blob, 1 << 20) {
                Ok(bytes) => assert!(bytes == *original, "byte {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    let bytes: u64 = all.iter().map(|blob| blob.size).sum();
    assert!(refused as u64 > bytes / 3, "{refused} refusals, {bytes} bytes of blobs");
}

/// As above, of both forms. What `manifest.json` says that is not a digest, such as the names of images, cannot be
/// verified.
#[test]
fn no_wrong_byte_of_a_docker_archive_changes_what_its_images_hold() {
    let (directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let path = directory.path().join("docker.tar");
    for form in [DockerForm::Oci, DockerForm::Legacy] {
        let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
        writer.append(&image, &["app:v1"]).unwrap();
        let good = writer.finish().unwrap();
        fs::write(&path, &good).unwrap();
        let originals = whole_images(&DockerArchive::open(&path).unwrap()).unwrap();
        assert_eq!(originals[0].len(), 3);
        let mut refused = 0;
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&path, bad).unwrap();
            match DockerArchive::open(&path).map(|archive| whole_images(&archive)) {
                Ok(Some(images)) => assert!(images == originals, "{form:?}: byte {at}"),
                _ => refused += 1,
            }
        }
        assert!(refused > (2 * 2560 + 300) / 3, "{refused} refusals");
    }
}

/// The configs and layers of the images, if all of them are right.
fn whole_images(archive: &DockerArchive) -> Option<Vec<Vec<Vec<u8>>>> {
    let read = |blob: &Descriptor| archive.read(blob, 1 << 20).ok();
    let images = archive.list().unwrap().into_iter().map(|entry| {
        let image = archive.image(entry.descriptor.digest.as_str()).ok()?;
        let blobs = [&image.manifest().config].into_iter().chain(&image.manifest().layers);
        blobs.map(read).collect()
    });
    images.collect()
}
