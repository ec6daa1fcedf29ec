//! Puts an image, and an artifact, into a place for blobs, each in one call: what they consist of goes first.
#![allow(clippy::print_stdout)]

use std::error::Error;

use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::build::{Builder, Layer};
use oci_image::layer::{Compression, Entry, Kind, Metadata, Writer};
use oci_image::{Descriptor, Document, Manifest, MediaType, Platform};

fn main() -> Result<(), Box<dyn Error>> {
    let parts = Memory::new(); // where the layers are: any `BlobSource`
    let store = Memory::new(); // where all of it goes: any `BlobSink`

    let mut writer = Writer::new(Vec::new(), &Compression::gzip())?;
    let file = Entry::new("hello".parse()?, Kind::File { size: 5 }, Metadata::new(0o644));
    writer.append_file(&file, &b"hello"[..])?;
    let (bytes, layer, diff_id) = writer.finish()?;
    parts.put(&layer, &bytes)?;
    let builder = Builder::new(&Platform::host()).layer(Layer::new(layer, diff_id));
    let image = store.put_image_from(&builder.entrypoint(["/hello"]).build()?, &parts)?;
    println!("an image of {} blobs", store.digests().len());

    let notes = Descriptor::of(MediaType::from("text/plain"), b"signed");
    parts.put(&notes, b"signed")?;
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.artifact_type = Some(MediaType::from("application/vnd.example.notes"));
    manifest.layers = vec![notes];
    manifest.subject = Some(image);
    store.put_artifact_from(&Document::new(manifest)?, &parts)?;
    println!("and an artifact: {} blobs", store.digests().len());
    Ok(())
}
