//! Loading a system call filter, and which actions the kernel knows.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use super::checked;

/// One instruction of classic BPF, in the kernel's layout.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    value: u32,
}

/// The kernel's `sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Loads a filter of `(code, jump_true, jump_false, value)`. Returns the listener if `flags` asks for one.
pub(crate) fn load(instructions: &[(u16, u8, u8, u32)], flags: u64) -> io::Result<Option<OwnedFd>> {
    let too_long = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let list: Vec<Instruction> = instructions
        .iter()
        .map(|&(code, jump_true, jump_false, value)| Instruction {
            code,
            jump_true,
            jump_false,
            value,
        })
        .collect();
    let program = Program {
        length: u16::try_from(list.len()).map_err(too_long)?,
        instructions: list.as_ptr(),
    };
    // SAFETY: the program points at `length` valid instructions, both outlive the call, and the kernel checks them.
    let result = checked(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })?;
    if flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 {
        return Ok(None);
    }
    // SAFETY: with this flag the result is a new descriptor that nothing else owns.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(i32::try_from(result).map_err(too_long)?) }))
}
