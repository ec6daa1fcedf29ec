//! What differs from an image.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use oci_cli::report::Steps;
use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSource};
use oci_image::build::Layer;
use oci_image::images::Image;
use oci_image::layer::Kind;
use oci_layout::Layout;
use oci_rootfs::pack::Pack;
use oci_rootfs::unpack::{Devices, Progress};
use oci_rootfs::{PackOptions, Root, UnpackOptions, unpack};
use tempfile::TempDir;

use crate::{Result, count, pack};

/// A directory, and the image that it is compared with.
pub(crate) struct Comparison<'a> {
    pub(crate) base: &'a Image<'a>,
    pub(crate) unpacking: UnpackOptions,
    /// How devices were treated when the directory was unpacked, if that was said.
    pub(crate) devices: Option<Devices>,
    pub(crate) root: &'a Root,
}

/// The image, unpacked.
struct Lower {
    root: Root,
    devices_left_out: u64,
    /// Removed when this is dropped.
    _directory: TempDir,
}

impl Comparison<'_> {
    /// Packs what differs from the image, which is unpacked for that to a temporary directory.
    pub(crate) fn pack(
        mut self,
        layout: &Layout,
        steps: &mut Steps,
        options: &mut PackOptions,
    ) -> Result<Layer> {
        self.unpacking.devices = self.devices.unwrap_or(self.unpacking.devices);
        let mut lower = self.unpack(steps)?;
        if lower.devices_left_out > 0 && self.devices.is_none() && self.has_placeholders()? {
            lower.root.empty()?;
            self.unpacking.devices = Devices::Placeholder;
            lower = self.unpack(steps)?;
        }
        let layer = pack(&Pack::difference(&lower.root, self.root), layout, steps, options);
        // Dropping the directory would fail on directories that their owner may not change.
        lower.root.empty()?;
        let layer = layer?;
        for blob in &self.base.manifest().layers {
            copy(self.base.source(), layout, blob)
                .map_err(|error| format!("cannot copy the layer `{}`: {error}", blob.digest))?;
        }
        Ok(layer)
    }

    fn unpack(&self, steps: &mut Steps) -> Result<Lower> {
        let mut step = steps.begin("unpack the base");
        let bar = step.bar(self.base.manifest().layers.iter().map(|layer| layer.size).sum());
        let mut unpacking = self.unpacking.clone();
        unpacking.progress = Some(Progress::new(move |step| count(step, |bytes| bar.inc(bytes))));
        let directory = tempfile::tempdir()?;
        // A base without an entry for its root always gets the same one.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        fs::File::open(&directory)?.set_modified(UNIX_EPOCH)?;
        let root = Root::open(directory.path())?;
        match unpack(self.base.source(), self.base.manifest(), directory.path(), &unpacking) {
            Ok(unpacked) => {
                step.end(format_args!("{} files", unpacked.changes));
                let devices_left_out = unpacked.devices_left_out;
                Ok(Lower { root, devices_left_out, _directory: directory })
            }
            Err(error) => {
                root.empty()?;
                Err(error.into())
            }
        }
    }

    /// Whether the directory has something where the image has a device.
    fn has_placeholders(&self) -> Result<bool> {
        let files = self.base.files(&self.unpacking.limits)?;
        let mut devices = files
            .list()
            .map(|file| file.entry)
            .filter(|entry| matches!(entry.kind, Kind::CharDevice(_) | Kind::BlockDevice(_)));
        Ok(devices.any(|device| {
            let path = Path::new(OsStr::from_bytes(device.path.as_bytes()));
            matches!(self.root.find_without_links(path), Ok(Some(_)))
        }))
    }
}

/// Copies a blob, unless it exists already or is to be fetched from elsewhere.
fn copy(from: &(dyn BlobSource + Sync), to: &Layout, blob: &Descriptor) -> io::Result<()> {
    let Some(mut writer) = to.create(blob)? else { return Ok(()) };
    match from.open(blob)? {
        Some(mut reader) => {
            io::copy(&mut reader, &mut writer)?;
            writer.commit()
        }
        None if blob.may_be_elsewhere() => Ok(()),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "the blob does not exist")),
    }
}
