//! One layer, applied to a directory.

use std::fs::File;
use std::path::PathBuf;

use oci_cli::report::Steps;
use oci_cli::unpacking::{Done, progress};
use oci_rootfs::{Root, UnpackOptions, unpack};

use crate::Result;

pub(crate) fn apply(file: PathBuf, root: PathBuf, mut options: UnpackOptions) -> Result<()> {
    let blob =
        File::open(&file).map_err(|error| format!("cannot open `{}`: {error}", file.display()))?;
    let root = Root::create(&root)
        .map_err(|error| format!("cannot use `{}` as a root: {error}", root.display()))?;
    let mut step = Steps::new().begin("apply the layer");
    options.progress = Some(progress(&mut step, blob.metadata()?.len()));
    let (diff_id, unpacked) = unpack::apply_stream(blob, &root, &options)?;
    step.end(format_args!("{diff_id} {}", Done(&unpacked)));
    Ok(())
}
