//! Loading a BPF program that decides which devices the processes of a cgroup may use, and attaching it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::checked;

/// `BPF_CGROUP_DEVICE`.
const CGROUP_DEVICE: u32 = 6;

/// Loads a program for devices, as instructions of 64 bits.
pub(crate) fn load_device_program(instructions: &[u64]) -> io::Result<OwnedFd> {
    const PROG_LOAD: libc::c_int = 5;
    const TYPE_CGROUP_DEVICE: u32 = 15;
    let count = u32::try_from(instructions.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let license = c"MIT OR Apache-2.0";
    // Type and count share the first 64 bits; then the addresses of the instructions and of the licence.
    let first = pair(TYPE_CGROUP_DEVICE, count);
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
    const ALLOW_MULTI: u32 = 2;
    let number = |fd: BorrowedFd<'_>| fd.as_raw_fd() as u32;
    let attributes = [number(group), number(program.as_fd()), CGROUP_DEVICE, ALLOW_MULTI];
    // SAFETY: the attributes are valid and hold two open descriptors.
    checked(unsafe {
        libc::syscall(libc::SYS_bpf, PROG_ATTACH, attributes.as_ptr(), size_of_val(&attributes))
    })
    .map(drop)
}

/// How many programs for devices a cgroup may have to be read here. The kernel permits no more than 64.
const MAX_PROGRAMS: usize = 64;

/// The programs for devices that are attached to the cgroup itself, not to those above.
pub(crate) fn attached_device_programs(group: BorrowedFd<'_>) -> io::Result<Vec<OwnedFd>> {
    const PROG_GET_FD_BY_ID: libc::c_int = 13;
    const PROG_QUERY: libc::c_int = 16;
    let mut ids = [0u32; MAX_PROGRAMS];
    // Descriptor, type, two words of flags, the address of the buffer, its length.
    let mut attributes = [0u64; 8];
    attributes[0] = pair(group.as_raw_fd() as u32, CGROUP_DEVICE);
    attributes[2] = ids.as_mut_ptr() as u64;
    attributes[3] = pair(MAX_PROGRAMS as u32, 0);
    // SAFETY: the attributes are valid; the buffer is writable, as long as they say, and outlives the call.
    checked(unsafe {
        libc::syscall(libc::SYS_bpf, PROG_QUERY, attributes.as_mut_ptr(), size_of_val(&attributes))
    })?;
    let count = if cfg!(target_endian = "little") {
        attributes[3] as u32
    } else {
        (attributes[3] >> 32) as u32
    };
    let found = ids.iter().take(count as usize);
    let opened = found.map(|id| {
        let attributes = [*id, 0, 0];
        // SAFETY: the attributes are valid.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                PROG_GET_FD_BY_ID,
                attributes.as_ptr(),
                size_of_val(&attributes),
            )
        };
        let program = i32::try_from(checked(result)?).map_err(io::Error::other)?;
        // SAFETY: the result is a new descriptor that nothing else owns.
        Ok(unsafe { OwnedFd::from_raw_fd(program) })
    });
    opened.collect()
}

/// Detaches a program from a cgroup.
pub(crate) fn detach_device_program(group: BorrowedFd<'_>, program: &OwnedFd) -> io::Result<()> {
    const PROG_DETACH: libc::c_int = 9;
    let attributes = [group.as_raw_fd() as u32, program.as_raw_fd() as u32, CGROUP_DEVICE, 0];
    // SAFETY: the attributes are valid and hold two open descriptors.
    checked(unsafe {
        libc::syscall(libc::SYS_bpf, PROG_DETACH, attributes.as_ptr(), size_of_val(&attributes))
    })
    .map(drop)
}

/// Two 32-bit members that follow each other, as the kernel reads them from memory.
fn pair(first: u32, second: u32) -> u64 {
    let (low, high) =
        if cfg!(target_endian = "little") { (first, second) } else { (second, first) };
    u64::from(high) << 32 | u64::from(low)
}
