use crate::json::open_enum;

open_enum! {
    /// A CPU architecture, by Go's names.
    pub enum Architecture {
        /// 32-bit x86.
        X86 = "386";
        /// 64-bit x86.
        Amd64 = "amd64";
        /// 64-bit x86 with 32-bit pointers.
        Amd64p32 = "amd64p32";
        /// 32-bit ARM.
        Arm = "arm";
        /// 64-bit ARM.
        Arm64 = "arm64";
        /// 64-bit ARM, big-endian.
        Arm64be = "arm64be";
        /// 32-bit ARM, big-endian.
        Armbe = "armbe";
        /// 64-bit LoongArch.
        Loong64 = "loong64";
        /// 32-bit MIPS, big-endian.
        Mips = "mips";
        /// 64-bit MIPS, big-endian.
        Mips64 = "mips64";
        /// 64-bit MIPS, little-endian.
        Mips64le = "mips64le";
        /// 64-bit MIPS with 32-bit pointers, big-endian.
        Mips64p32 = "mips64p32";
        /// 64-bit MIPS with 32-bit pointers, little-endian.
        Mips64p32le = "mips64p32le";
        /// 32-bit MIPS, little-endian.
        Mipsle = "mipsle";
        /// 32-bit PowerPC.
        Ppc = "ppc";
        /// 64-bit PowerPC, big-endian.
        Ppc64 = "ppc64";
        /// 64-bit PowerPC, little-endian.
        Ppc64le = "ppc64le";
        /// 32-bit RISC-V.
        Riscv = "riscv";
        /// 64-bit RISC-V.
        Riscv64 = "riscv64";
        /// 31-bit z/Architecture.
        S390 = "s390";
        /// 64-bit z/Architecture.
        S390x = "s390x";
        /// 32-bit SPARC.
        Sparc = "sparc";
        /// 64-bit SPARC.
        Sparc64 = "sparc64";
        /// WebAssembly.
        Wasm = "wasm";
    }

    /// An operating system, by Go's names.
    pub enum Os {
        /// AIX.
        Aix = "aix";
        /// Android.
        Android = "android";
        /// macOS.
        Darwin = "darwin";
        /// DragonFly BSD.
        Dragonfly = "dragonfly";
        /// FreeBSD.
        Freebsd = "freebsd";
        /// The Hurd.
        Hurd = "hurd";
        /// illumos.
        Illumos = "illumos";
        /// iOS.
        Ios = "ios";
        /// A JavaScript engine.
        Js = "js";
        /// Linux.
        Linux = "linux";
        /// Native Client.
        Nacl = "nacl";
        /// NetBSD.
        Netbsd = "netbsd";
        /// OpenBSD.
        Openbsd = "openbsd";
        /// Plan 9.
        Plan9 = "plan9";
        /// Solaris.
        Solaris = "solaris";
        /// WASI.
        Wasip1 = "wasip1";
        /// Windows.
        Windows = "windows";
        /// z/OS.
        Zos = "zos";
    }
}
