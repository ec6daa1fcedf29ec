use std::io;
use std::path::Path;

use oci_image::Config;
use oci_rootfs::Root;
use rustix::fs::{Mode, OFlags};

use super::{Conversion, ConversionError, Spec, Users};

/// Why an image's config and root filesystem cannot be converted to a [`Spec`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FromImageError {
    /// The users of the root filesystem cannot be read.
    #[error("cannot read the users of the root filesystem")]
    Rootfs(#[source] io::Error),
    /// The config cannot be converted.
    #[error("cannot convert the image config to a runtime configuration")]
    Conversion(#[source] ConversionError),
}

impl Spec {
    /// The configuration that an image asks for, with the defaults of [`Spec::linux_default`] and its
    /// exposed ports as an annotation; see [`Conversion`] for other wishes.
    ///
    /// `rootfs` is the directory with the image's unpacked layers: names of users and groups are
    /// looked up in its `/etc/passwd` and `/etc/group`, and nothing outside of it is read.
    /// `root.path` stays `rootfs`, as a bundle has it.
    ///
    /// # Errors
    /// If the user is malformed or unknown, or a file that decides about it cannot be read safely.
    pub fn from_image(config: &Config, rootfs: impl AsRef<Path>) -> Result<Self, FromImageError> {
        let conversion = Conversion::new(config).exposed_ports();
        let users = match conversion.needs_users() {
            true => read_users(rootfs.as_ref()).map_err(FromImageError::Rootfs)?,
            false => Users::default(),
        };
        conversion.users(users).build().map_err(FromImageError::Conversion)
    }
}

fn read_users(rootfs: &Path) -> io::Result<Users> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(rootfs, flags, Mode::empty())?;
    Users::read(&Root::from_fd(directory, rootfs)?)
}
