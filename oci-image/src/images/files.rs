use super::{Error, Image};
use crate::blob::BlobSource;
use crate::layer::{Files, Limits};

impl<'a> Image<'a> {
    /// The files of the image, to read or to export without unpacking.
    ///
    /// # Errors
    /// As [`config`](Self::config), and if a layer is missing or refused.
    pub fn files(&self, limits: &Limits) -> Result<Files<'a, dyn BlobSource + Sync + 'a>, Error> {
        let rootfs = &self.config()?.rootfs;
        let files = Files::new(self.source(), &self.manifest().layers, rootfs, limits);
        files.map_err(|error| Error::Invalid {
            action: format!("read the files of `{}`", self.descriptor().digest),
            source: error.into(),
        })
    }
}
