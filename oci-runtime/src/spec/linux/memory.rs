use oci_image::json::model;

model! {
    /// Limits of memory, in bytes; -1 is unlimited.
    pub struct Memory {
        /// Memory.
        optional limit: i64 = "limit";
        /// Memory that is not reclaimed before that of others.
        optional reservation: i64 = "reservation";
        /// Memory and swap together.
        optional swap: i64 = "swap";
        /// Memory of the kernel. Obsolete.
        optional kernel: i64 = "kernel";
        /// Memory of the kernel's TCP buffers. Obsolete.
        optional kernel_tcp: i64 = "kernelTCP";
        /// How readily to swap: 0 to 100.
        optional swappiness: u64 = "swappiness";
        /// Whether tasks wait rather than end when memory runs out.
        optional disable_oom_killer: bool = "disableOOMKiller";
        /// Whether children's memory counts, on cgroup v1.
        optional use_hierarchy: bool = "useHierarchy";
        /// Whether to refuse a limit that is below the use.
        optional check_before_update: bool = "checkBeforeUpdate";
    }

    /// A limit of huge pages.
    pub struct HugepageLimit {
        /// The size of the pages: `64KB`, `2MB`, `1GB`.
        required page_size: String = "pageSize";
        /// The limit in bytes.
        required limit: u64 = "limit";
    }
}
