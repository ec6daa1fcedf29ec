use oci_image::json::model;

model! {
    /// A filter of system calls.
    pub struct Seccomp {
        /// What happens to calls that no entry of `syscalls` fits.
        required default_action: SeccompAction = "defaultAction";
        /// The error number of `default_action`; absent is `EPERM`.
        optional default_errno_ret: u32 = "defaultErrnoRet";
        /// The architectures that may call beside the kernel's own.
        list architectures: Vec<Arch> = "architectures";
        /// Flags of seccomp(2).
        list flags: Vec<SeccompFlag> = "flags";
        /// The Unix socket of an agent that decides `SCMP_ACT_NOTIFY`.
        optional listener_path: String = "listenerPath";
        /// Text for the agent.
        optional listener_metadata: String = "listenerMetadata";
        /// What happens to the calls named.
        list syscalls: Vec<Syscall> = "syscalls";
    }

    /// What happens to some calls.
    pub struct Syscall {
        /// The calls' names; at least one.
        required_list names: Vec<String> = "names";
        /// What happens.
        required action: SeccompAction = "action";
        /// The error number of `action`; absent is `EPERM`.
        optional errno_ret: u32 = "errnoRet";
        /// What the arguments must be, all of it.
        list args: Vec<SyscallArg> = "args";
    }

    /// What an argument of a call must be.
    pub struct SyscallArg {
        /// Which argument, from 0.
        required index: u32 = "index";
        /// What it is compared with.
        required value: u64 = "value";
        /// What it is compared with after masking by `value`, for `SCMP_CMP_MASKED_EQ`.
        optional value_two: u64 = "valueTwo";
        /// How it is compared.
        required op: SyscallOperator = "op";
    }
}

open! {
    /// What happens to a system call.
    pub enum SeccompAction {
        Kill = "SCMP_ACT_KILL",
        KillProcess = "SCMP_ACT_KILL_PROCESS",
        KillThread = "SCMP_ACT_KILL_THREAD",
        Trap = "SCMP_ACT_TRAP",
        Errno = "SCMP_ACT_ERRNO",
        Trace = "SCMP_ACT_TRACE",
        Allow = "SCMP_ACT_ALLOW",
        Log = "SCMP_ACT_LOG",
        Notify = "SCMP_ACT_NOTIFY",
    }

    /// How an argument is compared.
    pub enum SyscallOperator {
        NotEqual = "SCMP_CMP_NE",
        LessThan = "SCMP_CMP_LT",
        LessOrEqual = "SCMP_CMP_LE",
        Equal = "SCMP_CMP_EQ",
        GreaterOrEqual = "SCMP_CMP_GE",
        GreaterThan = "SCMP_CMP_GT",
        MaskedEqual = "SCMP_CMP_MASKED_EQ",
    }

    /// An architecture, as libseccomp names it.
    pub enum Arch {
        X86 = "SCMP_ARCH_X86",
        X86_64 = "SCMP_ARCH_X86_64",
        X32 = "SCMP_ARCH_X32",
        Arm = "SCMP_ARCH_ARM",
        Aarch64 = "SCMP_ARCH_AARCH64",
        Mips = "SCMP_ARCH_MIPS",
        Mips64 = "SCMP_ARCH_MIPS64",
        Mips64N32 = "SCMP_ARCH_MIPS64N32",
        Mipsel = "SCMP_ARCH_MIPSEL",
        Mipsel64 = "SCMP_ARCH_MIPSEL64",
        Mipsel64N32 = "SCMP_ARCH_MIPSEL64N32",
        Ppc = "SCMP_ARCH_PPC",
        Ppc64 = "SCMP_ARCH_PPC64",
        Ppc64le = "SCMP_ARCH_PPC64LE",
        S390 = "SCMP_ARCH_S390",
        S390x = "SCMP_ARCH_S390X",
        Parisc = "SCMP_ARCH_PARISC",
        Parisc64 = "SCMP_ARCH_PARISC64",
        Riscv64 = "SCMP_ARCH_RISCV64",
        Loongarch64 = "SCMP_ARCH_LOONGARCH64",
        M68k = "SCMP_ARCH_M68K",
        Sh = "SCMP_ARCH_SH",
        Sheb = "SCMP_ARCH_SHEB",
    }

    /// A flag of seccomp(2).
    pub enum SeccompFlag {
        Tsync = "SECCOMP_FILTER_FLAG_TSYNC",
        Log = "SECCOMP_FILTER_FLAG_LOG",
        SpecAllow = "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        WaitKillableRecv = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    }
}

impl SeccompFlag {
    /// The bit by which seccomp(2) knows it; `None` for one that needs a listener, too, which is not supported.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Tsync => Some(1),
            Self::Log => Some(2),
            Self::SpecAllow => Some(4),
            Self::WaitKillableRecv | Self::Other(_) => None,
        }
    }
}
