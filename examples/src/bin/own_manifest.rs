//! Reads a manifest from a file of one's own, and prints what it is called and holds.
//!
//! `own_manifest FILE`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;

use oci_image::{Document, Lint, Manifest, MediaType};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: own_manifest FILE")?;
    // Nothing vouches for these bytes but the caller, whose file it is. What others send is read by
    // `Document::parse`, which checks it against the descriptor that names it.
    let manifest =
        Document::<Manifest>::from_own_bytes(fs::read(file)?, MediaType::IMAGE_MANIFEST)?;
    println!("{}, {} bytes", manifest.descriptor().digest, manifest.descriptor().size);
    for layer in &manifest.layers {
        println!("layer {}, {} bytes", layer.digest, layer.size);
    }
    for finding in &manifest.lint() {
        println!("{finding}");
    }
    Ok(())
}
