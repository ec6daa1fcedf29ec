//! System call filters: profiles compiled to the kernel's BPF, in Rust, without libseccomp.

mod architecture;
mod compile;
mod syscalls;

pub(crate) use architecture::Architecture;
pub(crate) use compile::{Comparison, Condition, Profile, Rule, compile};
pub(crate) use syscalls::is_known;

/// What the kernel does with a system call: the values that a filter returns, `SECCOMP_RET_*` (seccomp(2)).
pub(crate) mod action {
    pub(crate) const KILL_PROCESS: u32 = 0x8000_0000;
    pub(crate) const KILL_THREAD: u32 = 0;
    pub(crate) const TRAP: u32 = 0x0003_0000;
    pub(crate) const ERRNO: u32 = 0x0005_0000;
    pub(crate) const TRACE: u32 = 0x7ff0_0000;
    pub(crate) const LOG: u32 = 0x7ffc_0000;
    pub(crate) const ALLOW: u32 = 0x7fff_0000;
    /// The bits of the action; the others hold data, such as an error number.
    pub(crate) const MASK: u32 = 0xffff_0000;
}
