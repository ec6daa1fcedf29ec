use std::io;

use oci_rootfs::Root;

use super::Users;

impl Users {
    /// The most bytes of `/etc/passwd` or `/etc/group`: 10 MiB.
    pub const FILE_LIMIT: u64 = 10 << 20;

    /// Reads `/etc/passwd` and `/etc/group` of a root filesystem; one that is missing is empty.
    ///
    /// Links resolve inside of the root. Nothing but a regular file is opened, so a FIFO or a device
    /// in its place neither blocks nor acts.
    ///
    /// # Errors
    /// If a file is not regular, is over [`Users::FILE_LIMIT`] or cannot be read.
    pub fn read(root: &Root) -> io::Result<Self> {
        Ok(Self { passwd: read(root, "/etc/passwd")?, group: read(root, "/etc/group")? })
    }
}

fn read(root: &Root, path: &str) -> io::Result<Vec<u8>> {
    match root.read_file(path, Users::FILE_LIMIT) {
        Ok(text) => Ok(text.unwrap_or_default()),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("cannot read `{path}` of the container: {error}"),
        )),
    }
}
