//! Layouts, written, read and cleaned side by side with the programs that others use.
//!
//! Makes its own inputs, runs all contestants in turn, and prints medians. Needs `openssl`, `umoci`,
//! `skopeo` and `benches/ocidir`, built; a contestant that is not installed is left out.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod inputs;
mod ours;

use inputs::Inputs;
use oci_benches::arguments::Arguments;
use oci_benches::contest::Contest;

const USAGE: &str = "\
usage: compare-layout [DIRECTORY [ROUNDS [MEBIBYTES]]]

  DIRECTORY   where the inputs and results are made and removed (a new one in the temporary directory)
  ROUNDS      how often each contestant runs (5)
  MEBIBYTES   the size of the blob that is written, and of the image that is copied (400)";

fn main() {
    let Some(arguments) = Arguments::read(USAGE, ours::run) else { return };
    arguments.compare("compare-layout", |directory| {
        let inputs = Inputs::make(directory, arguments.size(0, 400));
        (inputs.describe(), contests(&inputs))
    });
}

/// Shell commands, with `$OUT` as the directory that is removed before and after.
fn contests(inputs: &Inputs) -> Vec<Contest> {
    let ours = format!("'{}' ours", std::env::current_exe().unwrap().display());
    let here = inputs.directory.display();
    let ocidir = concat!("'", env!("CARGO_MANIFEST_DIR"), "/ocidir/target/release/beside-ocidir'");
    let write = |by: &str| format!("{by} '{here}/blob' {} $OUT", inputs.blob);
    let many = |what: &str| format!("{what} '{here}/many' tag9999 {}", inputs::REPEATS);
    let copy = |how: &str| format!("{ours} copy '{here}/image' image $OUT/layout {how}");
    let skopeo = "skopeo --insecure-policy";
    vec![
        Contest::new(
            "write a blob",
            &[
                ("ours, relaxed", write(&format!("{ours} write relaxed"))),
                (
                    "tee, openssl dgst",
                    format!("tee $OUT/blob < '{here}/blob' | openssl dgst -sha256"),
                ),
                ("ocidir", write(&format!("{ocidir} write"))),
                ("ours, synced", write(&format!("{ours} write synced"))),
            ],
        )
        .prepared_by("mkdir $OUT"),
        Contest::new(
            "resolve a tag among 10,000 manifests, 20 times",
            &[
                ("ours", many(&format!("{ours} resolve"))),
                ("ours, reading and parsing index.json alone", many(&format!("{ours} parse"))),
                ("serde_json and oci-spec, the same", many(&format!("{ours} parse-oci-spec"))),
                ("ocidir", many(&format!("{ocidir} resolve"))),
            ],
        ),
        Contest::new(
            "open an oci-archive of 2 GiB and resolve a tag",
            &[
                ("ours", format!("{ours} archive '{here}/archive.tar' large")),
                ("ocidir", format!("{ocidir} archive '{here}/archive.tar' large")),
                ("tar -t", format!("tar -tf '{here}/archive.tar'")),
                (
                    "skopeo inspect --raw",
                    format!(
                        "TMPDIR='{here}' {skopeo} inspect --raw 'oci-archive:{here}/archive.tar:large'"
                    ),
                ),
            ],
        ),
        Contest::new(
            "collect 5,000 blobs of 10,000",
            &[
                ("ours, synced", format!("{ours} gc $OUT/layout synced")),
                ("ours, relaxed", format!("{ours} gc $OUT/layout relaxed")),
                ("umoci gc", "umoci gc --layout $OUT/layout".to_owned()),
            ],
        )
        .prepared_by(&format!("mkdir $OUT && cp -r '{here}/garbage' $OUT/layout")),
        Contest::new(
            "copy an image to another layout",
            &[
                ("ours, relaxed", copy("relaxed")),
                ("ours, synced", copy("synced")),
                ("ours, relaxed, by bytes", copy("bytes")),
                (
                    "skopeo copy",
                    format!("{skopeo} copy -q 'oci:{here}/image:image' oci:$OUT/layout:image"),
                ),
            ],
        )
        .prepared_by("mkdir $OUT"),
    ]
}
