//! What is done to the layout, step by step, each with a handle of its own.

use oci_image::blob::{BlobSink, BlobSinkExt, BlobWriter};
use oci_image::build::{Builder, Layer};
use oci_image::images::Images;
use oci_image::{Algorithm, Descriptor, Digest, MediaType};

use super::promise::Promise;
use crate::{Error, Layout};

pub(super) type Step = fn(&Layout, &mut Promise) -> Result<(), Error>;

pub(super) const STEPS: &[Step] = &[
    create,
    tag_first,
    tag_second,
    tag_again,
    put_alone,
    move_tag,
    other_algorithm,
    collect,
    untag,
    index_of_images,
    collect,
    remove,
    tag_first,
    tag_second,
    put_unnamed,
    move_tag,
    other_algorithm,
    untag,
    copy,
    collect,
];

/// The same for blobs that are not written in one go.
pub(super) const PARTIAL_STEPS: &[Step] = &[
    create,
    keep_half,
    keep_parts,
    collect,
    keep_half,
    keep_parts,
    keep_half,
    finish_parts,
    finish_half,
    collect,
];

fn create(_layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    promise.exists = true;
    Ok(())
}

fn tag_first(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    tag(layout, promise, "v1", "first", Algorithm::Sha256)
}

fn tag_second(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    tag(layout, promise, "v2", "second", Algorithm::Sha256)
}

fn tag_again(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    tag(layout, promise, "again", "first", Algorithm::Sha256)
}

fn put_alone(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    let blob = Descriptor::of("text/plain".into(), "alone");
    put(layout, &blob, b"alone")?;
    promise.blobs.push(blob);
    Ok(())
}

/// The digest is told at the end.
fn put_unnamed(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    let failed = |error| Error::io("cannot store a blob", error);
    let blob = Descriptor::of("text/plain".into(), "unnamed");
    let mut writer = layout.create_unnamed().map_err(failed)?.unwrap();
    writer.write_all(b"unnamed").and_then(|()| writer.commit(&blob)).map_err(failed)?;
    promise.blobs.push(blob);
    Ok(())
}

fn move_tag(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    tag(layout, promise, "v1", "third", Algorithm::Sha256)
}

fn other_algorithm(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    tag(layout, promise, "v512", "fourth", Algorithm::Sha512)
}

fn collect(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    // From here on nothing is promised of what the index does not reach.
    promise.blobs.clear();
    layout.collect_garbage().map(drop)
}

fn untag(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    promise.names.remove("v2");
    layout.untag("v2").map(drop)
}

fn index_of_images(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    let entries = layout.read_index()?.manifests;
    let index = oci_image::build::assemble(entries).unwrap();
    promise.names.insert("all".into(), index.descriptor().digest.clone());
    layout.put_document(&index.into())?.tag("all").map(drop)
}

fn copy(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    let directory = super::directory();
    let source = Layout::create(directory.path().join("source"))?;
    tag(&source, promise, "copied", "fifth", Algorithm::Sha256)?;
    let copied = source.resolve("copied").unwrap();
    layout.copy_from(&source, &copied)?.tag("copied").map(drop)
}

/// What is written of [`halves`] at first.
fn keep_half(layout: &Layout, _promise: &mut Promise) -> Result<(), Error> {
    let (blob, content) = &halves()[0];
    resume(layout, blob, |mut writer| {
        let start = writer.start() as usize;
        writer.write_all(&content[start..content.len().min(start + 5)])?;
        writer.keep()
    })
}

fn keep_parts(layout: &Layout, _promise: &mut Promise) -> Result<(), Error> {
    let (blob, content) = &halves()[1];
    resume(layout, blob, |writer| {
        if let Some(parts) = writer.parts() {
            parts.write_at(8, &content[8..])?;
            parts.write_at(3, &content[3..5])?;
        }
        writer.keep()
    })
}

fn finish_half(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    finish(layout, promise, &halves()[0])
}

fn finish_parts(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    finish(layout, promise, &halves()[1])
}

fn finish(
    layout: &Layout,
    promise: &mut Promise,
    (blob, content): &(Descriptor, &[u8]),
) -> Result<(), Error> {
    resume(layout, blob, |writer| complete(writer, content))?;
    promise.blobs.push(blob.clone());
    Ok(())
}

fn resume(
    layout: &Layout,
    blob: &Descriptor,
    work: impl FnOnce(Box<dyn BlobWriter + '_>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let writer = layout.resume(blob).and_then(|writer| writer.map_or(Ok(()), work));
    writer.map_err(|error| Error::io("cannot resume a blob", error))
}

/// Two blobs that are not written in one go.
pub(super) fn halves() -> [(Descriptor, &'static [u8]); 2] {
    let contents: [&[u8]; 2] = [b"in two halves", b"in three parts"];
    contents.map(|content| (Descriptor::of("text/plain".into(), content), content))
}

/// Writes what is missing, the parts first.
pub(super) fn complete(
    mut writer: Box<dyn BlobWriter + '_>,
    content: &[u8],
) -> std::io::Result<()> {
    let missing = writer.parts().map(|parts| parts.missing()).unwrap_or_default();
    for range in missing.into_iter().skip(1) {
        if let Some(parts) = writer.parts() {
            parts.write_at(range.start, &content[range.start as usize..range.end as usize])?;
        }
    }
    let start = writer.start() as usize;
    writer.write_all(&content[start..])?;
    writer.commit()
}

fn remove(layout: &Layout, promise: &mut Promise) -> Result<(), Error> {
    let digest = promise.names["v512"].clone();
    promise.names.retain(|_, named| *named != digest);
    layout.remove(&digest).map(drop)
}

fn tag(
    layout: &Layout,
    promise: &mut Promise,
    name: &str,
    content: &str,
    algorithm: Algorithm,
) -> Result<(), Error> {
    let digest = Digest::of(algorithm, content);
    let layer = Descriptor::new(MediaType::LAYER_TAR, digest.clone(), content.len() as u64);
    put(layout, &layer, content.as_bytes())?;
    let builder = Builder::new(&"linux/amd64".parse().unwrap());
    let image = builder.layer(Layer::new(layer, digest)).build().unwrap();
    promise.names.insert(name.into(), image.manifest().descriptor().digest.clone());
    layout.put_image(&image)?.tag(name).map(drop)
}

fn put(layout: &Layout, blob: &Descriptor, content: &[u8]) -> Result<(), Error> {
    layout.put(blob, content).map_err(|error| Error::io("cannot store a blob", error))
}
