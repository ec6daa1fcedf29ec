//! The layers of an image, kept in a store that images share, and mounted on the root filesystem of a bundle.

use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use oci_cli::report::Steps;
use oci_cli::unpacking::{Done, progress};
use oci_image::layer::Overlay;
use oci_rootfs::UnpackOptions;
use oci_rootfs::unpack::OverlayStore;
use oci_runtime::Bundle;
use rustix::mount::MountFlags;

use crate::Result;
use crate::command::Wanted;

/// How many bytes of mount options the kernel accepts.
const MOST_OPTIONS: usize = 4095;

pub(crate) fn mount(
    image: &Wanted,
    store: &Path,
    bundle: &Path,
    mut options: UnpackOptions,
) -> Result<()> {
    let [rootfs, upper, work] = ["rootfs", "upper", "work"].map(|name| bundle.join(name));
    if is_mounted(&rootfs) {
        return Err(format!(
            "cannot mount on `{}`: something is mounted there already",
            rootfs.display()
        )
        .into());
    }
    let layout = image.layout()?;
    let image = image.of(&layout)?;
    let store = OverlayStore::create(store, Overlay::Trusted)
        .map_err(|error| format!("cannot make `{}`: {error}", store.display()))?;
    let mut steps = Steps::new();
    let mut step = steps.begin("unpack the layers");
    let size = image.manifest().layers.iter().map(|layer| layer.size).sum();
    options.progress = Some(progress(&mut step, size));
    let stack = store.unpack(&layout, image.manifest(), &options)?;
    let unpacked = stack.unpacked();
    step.end(Done(unpacked));

    let step = steps.begin("mount the layers");
    // Images have set-user-ID programs: nobody else may enter the bundle.
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for path in [&rootfs, &work] {
        builder
            .create(path)
            .map_err(|error| format!("cannot make `{}`: {error}", path.display()))?;
    }
    stack
        .create_upper(&upper)
        .map_err(|error| format!("cannot make `{}`: {error}", upper.display()))?;
    let mut data = stack.options(&upper, &work);
    let held;
    if data.len() > MOST_OPTIONS {
        held = stack.hold();
        data = held.options(&upper, &work);
    }
    let data = CString::new(data.into_encoded_bytes())?;
    rustix::mount::mount("overlay", &rootfs, "overlay", MountFlags::empty(), data.as_c_str())
        .map_err(|error| format!("cannot mount the layers on `{}`: {error}", rootfs.display()))?;
    Bundle::from_image(&*image.config()?, bundle)?.write()?;
    step.end(format_args!("{} layers on {}", stack.layers().len(), rootfs.display()));
    Ok(())
}

fn is_mounted(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    device(path).is_some_and(|here| Some(here) != device(&path.join("..")))
}
