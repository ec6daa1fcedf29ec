//! Loading a BPF program that decides which devices the processes of a cgroup may use, and attaching it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::checked;

/// Loads a program for devices, as instructions of 64 bits.
pub(crate) fn load_device_program(instructions: &[u64]) -> io::Result<OwnedFd> {
    const PROG_LOAD: libc::c_int = 5;
    const TYPE_CGROUP_DEVICE: u64 = 15;
    let count = u32::try_from(instructions.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let license = c"MIT OR Apache-2.0";
    // Type and count share the first 64 bits; then the addresses of the instructions and of the licence.
    let first = if cfg!(target_endian = "little") {
        TYPE_CGROUP_DEVICE | u64::from(count) << 32
    } else {
        TYPE_CGROUP_DEVICE << 32 | u64::from(count)
    };
    let attributes = [first, instructions.as_ptr() as u64, license.as_ptr() as u64, 0, 0, 0];
    // SAFETY: the attributes are valid, and the instructions and the licence outlive the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_LOAD, attributes.as_ptr(), size_of_val(&attributes))
    };
    let program = i32::try_from(checked(result)?).map_err(io::Error::other)?;
    // SAFETY: the result is a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// Attaches a program to a cgroup, beside those that are attached already. It stays as long as the cgroup.
pub(crate) fn attach_device_program(group: BorrowedFd<'_>, program: &OwnedFd) -> io::Result<()> {
    const PROG_ATTACH: libc::c_int = 8;
    const CGROUP_DEVICE: u32 = 6;
    const ALLOW_MULTI: u32 = 2;
    let number = |fd: BorrowedFd<'_>| fd.as_raw_fd() as u32;
    let attributes = [number(group), number(program.as_fd()), CGROUP_DEVICE, ALLOW_MULTI];
    // SAFETY: the attributes are valid and hold two open descriptors.
    checked(unsafe {
        libc::syscall(libc::SYS_bpf, PROG_ATTACH, attributes.as_ptr(), size_of_val(&attributes))
    })
    .map(drop)
}
