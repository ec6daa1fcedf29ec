//! How long the first parse of a reference takes in a process, beside oci-spec's.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

fn main() {
    let text = "ghcr.io/owner/app:v1.0";
    let ours = first(|| text.parse::<oci_image::Reference>().is_ok());
    let theirs = first(|| text.parse::<oci_spec::distribution::Reference>().is_ok());
    println!("ours {ours:?}, oci-spec {theirs:?}");
}

fn first(parse: impl FnOnce() -> bool) -> Duration {
    let start = Instant::now();
    let parsed = parse();
    let time = start.elapsed();
    assert!(parsed, "the text is a reference");
    time
}
