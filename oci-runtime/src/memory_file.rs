//! Files in memory that hold data.

use std::fs::File;
use std::io;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

/// A new file in memory that cannot be executed, as `vm.memfd_noexec` may demand.
pub(crate) fn create(name: &str) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC;
    match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(Errno::INVAL) => Ok(memfd_create(name, flags)?.into()),
        created => Ok(created?.into()),
    }
}
