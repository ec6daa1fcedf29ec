use std::io;

use oci_image::LayoutFile;

use super::{Fault, FaultKind};
use crate::layout::{LAYOUT_FILE, Layout, layout_file};

impl Layout {
    /// What is wrong with the file `oci-layout`.
    pub(super) fn fault_of_version(&self) -> Option<Fault> {
        let (kind, message) = match layout_file(self.files()) {
            Ok(Ok(file)) if file.image_layout_version == LayoutFile::VERSION => return None,
            Ok(Ok(file)) => (
                FaultKind::Version,
                format!("says `{}`, not `{}`", file.image_layout_version, LayoutFile::VERSION),
            ),
            Ok(Err(error)) => (FaultKind::Document, error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (FaultKind::Missing, "is missing".to_owned())
            }
            Err(error) => (FaultKind::Document, format!("cannot be read: {error}")),
        };
        Some(Fault::of(kind, LAYOUT_FILE.into(), None, message))
    }
}
