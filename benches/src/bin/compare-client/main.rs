//! Pushes, pulls, copies and unpacks an image by our client and by skopeo and umoci, side by side against Debian's
//! docker-registry; curl moves the same blobs without verifying them.
//!
//! `compare-client [--mebibytes N] [--rounds N]`: 100 MiB in six layers and five rounds by default. Each side is a
//! process of its own, each push goes to a registry that has nothing yet, and the sides take turns to begin.
//! skopeo does not sync what it pulls to disk, our layouts do; a row of the table shows them without it.
//! `compare-client --slow [--mebibytes N] [--rounds N]` pulls one blob of this size, and many small ones, from our
//! registry over slow connections.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod ours;
mod slow;
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
        ["pull", host, layout, durability, parts] => {
            return ours::pull(host, Path::new(layout), durability, parts);
        }
        ["copy", host] => return ours::copy(host),
        ["unpack", host, root] => return ours::unpack(host, Path::new(root)),
        _ => {}
    }
    let number = |name: &str, default: u64| {
        let mut words = arguments.iter().skip_while(|word| *word != name);
        words.nth(1).map_or(default, |number| number.parse().unwrap())
    };
    let (mebibytes, rounds) = (number("--mebibytes", 100), number("--rounds", 5));
    let mut table = Table::default();
    let is_slow = arguments.iter().any(|argument| argument == "--slow");
    match is_slow {
        true => {
            slow::large(mebibytes, rounds, &mut table);
            slow::small(rounds, &mut table);
        }
        false => docker_registry(mebibytes, rounds, &mut table),
    }
    println!("compare-client {}: medians\n", arguments.join(" "));
    print!("{table}");
}

/// What is compared against `docker-registry`: an image of this size, in layers of random bytes.
fn docker_registry(mebibytes: u64, rounds: u64, table: &mut Table) {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    let digest = image(&source, mebibytes << 20, LAYERS);
    for round in 0..rounds {
        let mut sides = [Side::Skopeo, Side::Ours, Side::Curl];
        sides.rotate_left((round % 3) as usize);
        for side in sides {
            measure(side, &source, &digest, table);
        }
    }
}

/// Makes an image of random bytes in gzip layers.
fn image(layout: &Path, bytes: u64, layers: u64) -> Digest {
    let layout = Layout::create(layout).unwrap();
    let tree = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(&Platform::host());
    for _ in 0..layers {
        let mut random = std::fs::File::open("/dev/urandom").unwrap().take(bytes / layers);
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
    Curl,
}

/// Pushes to an empty registry, and pulls from it.
fn measure(side: Side, source: &Path, digest: &Digest, table: &mut Table) {
    let directory = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::start(directory.path(), "").unwrap();
    match side {
        Side::Skopeo => skopeo(directory.path(), registry.host(), source, digest, table),
        Side::Ours => ours(directory.path(), registry.host(), source, digest, table),
        Side::Curl => curl(directory.path(), registry.host(), source, table),
    }
}

fn skopeo(directory: &Path, host: &str, source: &Path, digest: &Digest, table: &mut Table) {
    let layout = directory.join("layout");
    let (name, copy) = (format!("docker://{host}/image:v1"), format!("docker://{host}/copy:v1"));
    let from = format!("oci:{}:v1", source.display());
    let to = format!("oci:{}:v1", layout.display());
    let skopeo = "skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false";
    let mut run = |what, line: String| {
        let mut shell = Command::new("bash");
        table.note(what, "skopeo", time(shell.args(["-c", &line])));
    };
    run("push", format!("exec {skopeo} {from} {name}"));
    run("pull", format!("exec {skopeo} {name} {to}"));
    check(&layout, digest);
    run("copy", format!("exec {skopeo} {name} {copy}"));
    std::fs::remove_dir_all(&layout).unwrap();
    let (layout, bundle) = (layout.display(), directory.join("bundle"));
    let unpack = format!("umoci unpack --image {layout}:v1 {}", bundle.display());
    run("pull to a root", format!("{skopeo} {name} {to} && {unpack}"));
}

fn ours(directory: &Path, host: &str, source: &Path, digest: &Digest, table: &mut Table) {
    let mut run = |what, column, words: &[&str]| {
        let own = std::env::current_exe().unwrap();
        table.note(what, column, time(Command::new(own).args(words)));
    };
    let text = |path: &Path| path.display().to_string();
    run("push", "ours", &["push", &text(source), host]);
    for (column, durability) in [("ours", "synced"), ("ours, not synced", "relaxed")] {
        let layout = directory.join(durability);
        run("pull", column, &["pull", host, &text(&layout), durability, "4"]);
        check(&layout, digest);
    }
    run("copy", "ours", &["copy", host]);
    run("pull to a root", "ours", &["unpack", host, &text(&directory.join("root"))]);
}

/// The floor: the same blobs, four at once, of which none is verified, and no manifest.
fn curl(directory: &Path, host: &str, source: &Path, table: &mut Table) {
    let blobs: Vec<_> = std::fs::read_dir(source.join("blobs/sha256")).unwrap().collect();
    let (mut begin, mut push, mut pull) = (String::new(), String::new(), String::new());
    for (number, blob) in blobs.into_iter().enumerate() {
        let blob = blob.unwrap();
        let digest = format!("sha256:{}", blob.file_name().display());
        let url = format!("http://{host}/v2/image/blobs");
        let file = blob.path().display().to_string();
        begin += &format!(
            "url_{number}=$(curl -sSi -X POST {url}/uploads/ | tr -d '\\r' | sed -n 's/^Location: //p')\n"
        );
        push += &format!("-T {file} \"$url_{number}&digest={digest}\" ");
        let to = directory.join(number.to_string());
        pull += &format!("-o {} {url}/{digest} ", to.display());
    }
    let mut run = |what, line: String| {
        let mut shell = Command::new("bash");
        table.note(what, "curl, unverified", time(shell.args(["-ec", &line])));
    };
    let curl = "curl --no-progress-meter -fZ --parallel-max 4";
    run("push", format!("{begin}{curl} {push}"));
    run("pull", format!("{curl} {pull}"));
}

fn check(layout: &Path, digest: &Digest) {
    assert_eq!(Layout::open(layout).unwrap().resolve("v1").unwrap().digest, *digest);
}

/// Runs a command under GNU `time`, which tells the peak memory.
fn time(command: &mut Command) -> Sample {
    let peak = tempfile::NamedTempFile::new().unwrap();
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%M", "-o"]).arg(peak.path()).arg(command.get_program());
    timed.args(command.get_args()).stdin(Stdio::null()).stdout(Stdio::null());
    let (cpu, start) = (cpu_of_children(), Instant::now());
    let status = timed.status().unwrap();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_of_children() - cpu);
    assert!(status.success(), "{command:?}");
    let kibibytes = std::fs::read_to_string(peak.path()).unwrap();
    Sample { wall, cpu, memory: kibibytes.trim().parse::<f64>().unwrap() / 1024.0 }
}

/// The CPU time of the children that ended, in seconds; the clock ticks 100 times each.
fn cpu_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
