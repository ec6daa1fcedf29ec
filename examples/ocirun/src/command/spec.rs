use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use oci_runtime::Spec;
use rustix::process::{getegid, geteuid};

use crate::Result;
use crate::arguments::Arguments;
use crate::json::pretty;

pub(super) fn run(arguments: &mut Arguments) -> Result<()> {
    let (mut directory, mut rootless) = (PathBuf::from("."), false);
    arguments.only_options(|name, arguments| {
        match name {
            "bundle" | "b" => directory = arguments.value()?.into(),
            "rootless" => rootless = arguments.is_set()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    write(&directory.join("config.json"), &pretty(&default(rootless), "\t")?)
}

fn default(rootless: bool) -> Spec {
    let mut spec = Spec::linux_default();
    if rootless {
        spec = spec.rootless(geteuid().as_raw(), getegid().as_raw()).spec;
    }
    spec.hostname = Some("ocirun".into());
    if let Some(process) = &mut spec.process {
        process.terminal = Some(true);
        process.env.push("TERM=xterm".into());
    }
    spec
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => format!("File {} exists. Remove it first", path.display()),
        _ => format!("cannot write `{}`: {error}", path.display()),
    };
    let mut file = File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(())
}
