//! Unpacks an image to a bundle, or applies one layer file to a directory.

mod bundle;
mod command;
mod files;
mod layer;
mod overlay;

use std::error::Error;
use std::process::ExitCode;

use command::Command;
use oci_cli::report::{one_line, print, tell};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: oci-unpack [OPTION...] --image oci:DIRECTORY[:TAG] BUNDLE
       oci-unpack [OPTION...] --overlay STORE --image oci:DIRECTORY[:TAG] BUNDLE
       oci-unpack [OPTION...] --layer FILE ROOT
       oci-unpack --image oci:DIRECTORY[:TAG] --export FILE
       oci-unpack --image oci:DIRECTORY[:TAG] --cat PATH

  --image NAME     unpack the image: BUNDLE gets rootfs/ and config.json
  --overlay STORE  keep the layers in the directory STORE, which images share, and mount them on
                   rootfs/; changes go to BUNDLE/upper
  --export FILE    write all files of the image as one tar archive, without unpacking them
  --cat PATH       print one file of the image
  --platform WHAT  of an index, or of several images with one name, the image for OS/ARCH[/VARIANT] in place of that
                   for this machine
  --layer FILE     apply the layer (plain, gzip or zstd) to the directory ROOT
  --rootless       without privileges: all files belong to the caller, and devices are left out
  --devices WHAT   make, skip, or placeholder: an empty file instead of each device
  --codec-by-content
                   read layers by the compression that they have where their media types say another
  --ratio N        above 1 GiB, accept layers that are up to N times larger than their blobs (default 200)";

fn main() -> ExitCode {
    let command = Command::parse()
        .map_err(|error| format!("{}; see oci-unpack --help", one_line(&*error)).into());
    match command.and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("oci-unpack: {}", one_line(&*error)));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        // Nobody has to read all of it.
        Command::Help => _ = print(USAGE),
        Command::Image { image, bundle, options } => bundle::unpack(&image, bundle, options)?,
        Command::Overlay { image, store, bundle, options } => {
            overlay::mount(&image, &store, &bundle, options)?;
        }
        Command::Export { image, file, limits } => files::export(&image, &file, &limits)?,
        Command::Cat { image, path, limits } => files::cat(&image, &path, &limits)?,
        Command::Layer { file, root, options } => layer::apply(file, root, options)?,
    }
    Ok(())
}
