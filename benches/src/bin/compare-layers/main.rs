//! Layers, unpacked and packed side by side with the programs that others use.
//!
//! Makes its own inputs, runs all contestants in turn, and prints medians. Needs `tar`, `gzip`,
//! `pigz`, `zstd`, `igzip` (isal) and `umoci`; a contestant that is not installed is left out.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod inputs;
mod ours;

use inputs::Inputs;
use oci_benches::arguments::Arguments;
use oci_benches::contest::Contest;

const USAGE: &str = "\
usage: compare-layers [DIRECTORY [ROUNDS [MEBIBYTES [FILES]]]]

  DIRECTORY   where the inputs and trees are made and removed (a new one in the temporary directory)
  ROUNDS      how often each contestant runs (5)
  MEBIBYTES   how much of /usr the mixed image holds, in six layers (400)
  FILES       the number of small files of the other image (20000)";

fn main() {
    let Some(arguments) = Arguments::read(USAGE, ours::run) else { return };
    arguments.compare("compare-layers", |directory| {
        let inputs = Inputs::make(directory, arguments.size(0, 400), arguments.size(1, 20_000));
        (inputs.describe(), contests(&inputs))
    });
}

/// Shell commands, with `$OUT` as the directory that is removed before and after.
fn contests(inputs: &Inputs) -> Vec<Contest> {
    let ours = format!("'{}' ours", std::env::current_exe().unwrap().display());
    let here = inputs.directory.display();
    let pipe = |decoder: &str, image: &str| {
        let apply = |blob: &String| format!("{decoder} < '{blob}' | tar -xf - -C $OUT");
        let layers: Vec<_> = inputs.blobs(image).iter().map(apply).collect();
        format!("mkdir $OUT && {}", layers.join(" && "))
    };
    let umoci = |image: &str| format!("umoci unpack --image '{here}/layouts:{image}' $OUT");
    let unpack = |image: &str| format!("{ours} unpack '{here}/layouts' {image} $OUT");
    let decode = |image: &str| format!("{ours} decode '{here}/layouts' {image}");
    let digest = |image: &str| format!("{ours} digest '{here}/layouts' {image}");
    let files = || format!("{ours} files '{}' $OUT", inputs.files_list().display());
    let pack = |codec: &str, level: u32| format!("{ours} pack '{here}/tree' {codec} {level} $OUT");
    let tar = |compress: &str| {
        format!("mkdir $OUT && tar -cf - -C '{here}/tree' . | {compress} > $OUT/blob")
    };
    let insert =
        format!("cp -r '{here}/empty' $OUT && umoci insert --image $OUT:empty '{here}/tree' /");
    vec![
        Contest::new(
            "unpack, six mixed layers, gzip",
            &[
                ("ours", unpack("mix")),
                ("ours, decoding alone, one thread", decode("mix")),
                ("decoding and both digests, one thread", digest("mix")),
                ("as many bytes to such files, one thread", files()),
                ("igzip -dc, tar x", pipe("igzip -dc", "mix")),
                ("pigz -dc, tar x", pipe("pigz -dc", "mix")),
                ("umoci unpack", umoci("mix")),
            ],
        ),
        Contest::new(
            "unpack, small files, gzip",
            &[
                ("ours", unpack("small")),
                ("pigz -dc, tar x", pipe("pigz -dc", "small")),
                ("igzip -dc, tar x", pipe("igzip -dc", "small")),
                ("umoci unpack", umoci("small")),
            ],
        ),
        Contest::new(
            "unpack, six mixed layers, zstd",
            &[
                ("ours", unpack("mix-zstd")),
                ("ours, decoding alone, one thread", decode("mix-zstd")),
                ("decoding and both digests, one thread", digest("mix-zstd")),
                ("as many bytes to such files, one thread", files()),
                ("zstd -dc, tar x", pipe("zstd -dcq", "mix-zstd")),
            ],
        ),
        Contest::new(
            "pack, zstd",
            &[("ours, level 3", pack("zstd", 3)), ("tar, zstd -3 -T2", tar("zstd -3 -T2 -q"))],
        ),
        Contest::new(
            "pack, gzip",
            &[
                ("ours, default (level 4)", pack("gzip", 4)),
                ("ours, level 7", pack("gzip", 7)),
                ("tar, pigz -6 -p2", tar("pigz -6 -p2")),
                ("tar, pigz -3 -p2", tar("pigz -3 -p2")),
                ("umoci insert", insert),
            ],
        ),
    ]
}
