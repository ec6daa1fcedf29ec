/// An instruction set whose system calls a filter can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Architecture {
    X86_64,
    X86,
    X32,
    Aarch64,
    Arm,
}

impl Architecture {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::X86_64, Self::X86, Self::X32, Self::Aarch64, Self::Arm];

    /// The kernel's `AUDIT_ARCH_*`.
    pub(super) fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// Whether arguments have 32 bits.
    pub(super) fn is_32_bit(self) -> bool {
        matches!(self, Self::X86 | Self::Arm)
    }
}
