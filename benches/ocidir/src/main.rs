//! What ocidir does of `compare-layout`, in a process of its own. At the end it prints its peak memory in KiB.

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io;

use ocidir::cap_std::ambient_authority;
use ocidir::cap_std::fs::Dir;
use ocidir::oci_spec::image::{DescriptorBuilder, Digest, MediaType};
use ocidir::{OciArchive, OciDir, OciRead};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["write", file, digest, out] => write(file, digest, out)?,
        ["resolve", layout, tag, times] => {
            for _ in 0..times.parse()? {
                resolve(&OciDir::open(directory(layout)?)?, tag)?;
            }
        }
        ["archive", archive, tag] => resolve(&OciArchive::open(archive)?, tag)?,
        _ => return Err("usage: beside-ocidir write|resolve|archive ...".into()),
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    println!("{}", peak.trim().trim_end_matches(" kB"));
    Ok(())
}

fn directory(path: &str) -> Result<Dir> {
    Ok(Dir::open_ambient_dir(path, ambient_authority())?)
}

fn resolve(images: &impl OciRead, tag: &str) -> Result<()> {
    black_box(images.find_manifest_descriptor_with_tag(tag)?.ok_or("no such tag")?);
    Ok(())
}

fn write(file: &str, digest: &str, out: &str) -> Result<()> {
    let mut file = File::open(file)?;
    let size = file.metadata()?.len();
    let blob = DescriptorBuilder::default()
        .media_type(MediaType::Other("application/octet-stream".into()))
        .digest(digest.parse::<Digest>()?)
        .size(size)
        .build()?;
    let layout = OciDir::ensure(directory(out)?)?;
    let mut writer = layout.create_blob()?;
    io::copy(&mut file, &mut writer)?;
    writer.complete_verified_as(&blob)?;
    Ok(())
}
