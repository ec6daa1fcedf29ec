use oci_image::json::model;

model! {
    /// A limit of a process's resources.
    pub struct Rlimit {
        /// Which resource.
        required r#type: RlimitType = "type";
        /// The ceiling of `soft`.
        required hard: u64 = "hard";
        /// The limit that the kernel enforces.
        required soft: u64 = "soft";
    }
}

open! {
    /// A resource that a process may use up to a limit, as getrlimit(2) names it.
    pub enum RlimitType {
        As = "RLIMIT_AS",
        Core = "RLIMIT_CORE",
        Cpu = "RLIMIT_CPU",
        Data = "RLIMIT_DATA",
        Fsize = "RLIMIT_FSIZE",
        Locks = "RLIMIT_LOCKS",
        Memlock = "RLIMIT_MEMLOCK",
        Msgqueue = "RLIMIT_MSGQUEUE",
        Nice = "RLIMIT_NICE",
        Nofile = "RLIMIT_NOFILE",
        Nproc = "RLIMIT_NPROC",
        Rss = "RLIMIT_RSS",
        Rtprio = "RLIMIT_RTPRIO",
        Rttime = "RLIMIT_RTTIME",
        Sigpending = "RLIMIT_SIGPENDING",
        Stack = "RLIMIT_STACK",
    }
}
