//! Pushes and pulls an image by our client and by skopeo, side by side against Debian's docker-registry.
//!
//! `compare-client [--mebibytes N] [--rounds N]`: 100 MiB in six layers and five rounds by default. Each side is a
//! process of its own, each push goes to a registry that has nothing yet, and the sides take turns to begin.
//! skopeo does not sync what it pulls to disk, our layouts do; a row of the table shows them without it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod ours;
mod table;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use oci_image::build::Builder;
use oci_image::images::Images;
use oci_image::{Digest, Platform};
use oci_layout::Layout;
use oci_rootfs::{PackOptions, pack};
use oci_testing::docker_registry::DockerRegistry;
use table::{Sample, Table};

const LAYERS: u64 = 6;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &*arguments.iter().map(|argument| &**argument).collect::<Vec<_>>() {
        ["push", layout, host] => return ours::push(Path::new(layout), host),
        ["pull", host, layout, durability] => {
            return ours::pull(host, Path::new(layout), durability);
        }
        _ => {}
    }
    let number = |name: &str, default: u64| {
        let mut words = arguments.iter().skip_while(|word| *word != name);
        words.nth(1).map_or(default, |number| number.parse().unwrap())
    };
    let (mebibytes, rounds) = (number("--mebibytes", 100), number("--rounds", 5));
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    let digest = image(&source, mebibytes << 20);
    let mut table = Table::default();
    for round in 0..rounds {
        let mut sides = [Side::Skopeo, Side::Ours];
        sides.rotate_left((round % 2) as usize);
        for side in sides {
            measure(side, &source, &digest, &mut table);
        }
    }
    println!(
        "cargo run --release -p oci-benches --bin compare-client -- --mebibytes {mebibytes} --rounds {rounds}"
    );
    println!(
        "{mebibytes} MiB in {LAYERS} layers of random bytes, docker-registry on this machine, medians\n"
    );
    print!("{table}");
}

/// Makes an image of random bytes in gzip layers.
fn image(layout: &Path, bytes: u64) -> Digest {
    let layout = Layout::create(layout).unwrap();
    let tree = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(&Platform::host());
    for _ in 0..LAYERS {
        let mut random = std::fs::File::open("/dev/urandom").unwrap().take(bytes / LAYERS);
        let mut file = std::fs::File::create(tree.path().join("random")).unwrap();
        std::io::copy(&mut random, &mut file).unwrap();
        builder = builder.layer(pack(tree.path(), &layout, &PackOptions::default()).unwrap());
    }
    let image = builder.cmd(["/random"]).build().unwrap();
    layout.put_image(&image).unwrap().tag("v1").unwrap().digest
}

#[derive(Clone, Copy)]
enum Side {
    Skopeo,
    Ours,
}

/// Pushes to an empty registry, and pulls from it.
fn measure(side: Side, source: &Path, digest: &Digest, table: &mut Table) {
    let directory = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::start(directory.path(), "").unwrap();
    let pulled = |name: &str| directory.path().join(name);
    let name = format!("docker://{}/image:v1", registry.host());
    let check = |layout: &Path| {
        assert_eq!(Layout::open(layout).unwrap().resolve("v1").unwrap().digest, *digest);
    };
    let own = std::env::current_exe().unwrap();
    match side {
        Side::Skopeo => {
            let from = format!("oci:{}:v1", source.display());
            let push = ["copy", "--quiet", "--dest-tls-verify=false", &from, &name];
            table.note("push", "skopeo", time(Command::new("skopeo").args(push)));
            let to = format!("oci:{}:v1", pulled("skopeo").display());
            let pull = ["copy", "--quiet", "--src-tls-verify=false", &name, &to];
            table.note("pull", "skopeo", time(Command::new("skopeo").args(pull)));
            check(&pulled("skopeo"));
        }
        Side::Ours => {
            let push = time(Command::new(&own).arg("push").arg(source).arg(registry.host()));
            table.note("push", "ours", push);
            for (column, durability) in [("ours", "synced"), ("ours, not synced", "relaxed")] {
                let mut pull = Command::new(&own);
                pull.arg("pull").arg(registry.host()).arg(pulled(durability)).arg(durability);
                table.note("pull", column, time(&mut pull));
                check(&pulled(durability));
            }
        }
    }
}

fn time(command: &mut Command) -> Sample {
    let (cpu, start) = (cpu_of_children(), Instant::now());
    let status = command.stdin(Stdio::null()).status().unwrap();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_of_children() - cpu);
    assert!(status.success(), "{command:?}");
    Sample { wall, cpu }
}

/// The CPU time of the children that ended, in seconds; the clock ticks 100 times each.
fn cpu_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
