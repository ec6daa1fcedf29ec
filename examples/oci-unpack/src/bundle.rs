//! An image, unpacked to a bundle.

use std::path::PathBuf;

use oci_cli::report::{Steps, tell};
use oci_cli::unpacking::{Done, progress};
use oci_rootfs::unpack::Owners;
use oci_rootfs::{UnpackOptions, unpack_bundle};
use oci_runtime::Bundle;

use crate::Result;
use crate::command::Wanted;

pub(crate) fn unpack(image: &Wanted, bundle: PathBuf, mut options: UnpackOptions) -> Result<()> {
    let layout = image.layout()?;
    let image = image.of(&layout)?;
    let mut step = Steps::new().begin("unpack the image");
    let size = image.manifest().layers.iter().map(|layer| layer.size).sum();
    options.progress = Some(progress(&mut step, size));
    let unpacked = unpack_bundle(&layout, image.manifest(), bundle, &options)?;
    let mut bundle = Bundle::from_image(unpacked.config(), unpacked.path())?;
    if options.owners == Owners::Caller {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let rootless = bundle.spec().clone().rootless(user.as_raw(), group.as_raw());
        for dropped in &rootless.dropped {
            tell(format_args!("    without {dropped}"));
        }
        *bundle.spec_mut() = rootless.spec;
    }
    bundle.write()?;
    step.end(Done(unpacked.unpacked()));
    Ok(())
}
