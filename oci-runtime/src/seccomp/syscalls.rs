//! The numbers of system calls.

mod aarch64;
mod arm;
mod x86;
mod x86_64;

use super::Architecture;

/// The bit that marks calls of the x32 interface.
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// The number of a system call, if the architecture has it.
pub(crate) fn number(architecture: Architecture, name: &str) -> Option<u32> {
    let table = table(architecture);
    let index = table.binary_search_by_key(&name, |entry| entry.0).ok()?;
    let number = table.get(index)?.1;
    Some(if architecture == Architecture::X32 { number | X32_BIT } else { number })
}

/// Whether any architecture has a system call of this name.
pub(crate) fn is_known(name: &str) -> bool {
    Architecture::ALL.iter().any(|architecture| number(*architecture, name).is_some())
}

fn table(architecture: Architecture) -> &'static [(&'static str, u32)] {
    match architecture {
        Architecture::X86_64 | Architecture::X32 => x86_64::TABLE,
        Architecture::X86 => x86::TABLE,
        Architecture::Aarch64 => aarch64::TABLE,
        Architecture::Arm => arm::TABLE,
    }
}
