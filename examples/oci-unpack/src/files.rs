//! The files of an image, without unpacking it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use oci_cli::report::{Content, Steps};
use oci_image::layer::{Compression, EntryPath, Limits};

use crate::Result;
use crate::command::Wanted;

/// Writes an archive: directly to a pipe or device, otherwise to a file that appears once all of it was verified.
pub(crate) fn export(image: &Wanted, path: &Path, limits: &Limits) -> Result<()> {
    let layout = image.layout()?;
    let image = image.of(&layout)?;
    let step = Steps::new().begin("write an archive");
    let failed = |error: std::io::Error| format!("cannot write to `{}`: {error}", path.display());
    let files = image.files(limits)?;
    let layer = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let file = File::options().write(true).open(path).map_err(failed)?;
            files.export(file, &Compression::none())?.1
        }
        _ => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let file = tempfile::Builder::new()
                .permissions(fs::Permissions::from_mode(0o666))
                .tempfile_in(directory.unwrap_or(Path::new(".")))
                .map_err(failed)?;
            let (file, layer) = files.export(file, &Compression::none())?;
            file.persist(path).map_err(|error| failed(error.error))?;
            layer
        }
    };
    step.end(Content(&layer.diff_id, layer.descriptor.size));
    Ok(())
}

/// The largest file that is printed: 256 MiB.
const CAT_LIMIT: u64 = 256 << 20;

pub(crate) fn cat(image: &Wanted, path: &EntryPath, limits: &Limits) -> Result<()> {
    let layout = image.layout()?;
    let image = image.of(&layout)?;
    let content = image.files(limits)?.read(path, CAT_LIMIT)?;
    Ok(std::io::stdout().write_all(&content)?)
}
