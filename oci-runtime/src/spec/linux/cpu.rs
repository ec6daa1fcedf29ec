use oci_image::json::model;

model! {
    /// Limits of processor time; times are in microseconds.
    pub struct Cpu {
        /// The weight beside other cgroups, as cgroup v1 counts it (1024 is usual).
        optional shares: u64 = "shares";
        /// Time in each period; 0 or less is unlimited.
        optional quota: i64 = "quota";
        /// Unused time that may be spent later.
        optional burst: u64 = "burst";
        /// The period.
        optional period: u64 = "period";
        /// Time of realtime tasks in each realtime period.
        optional realtime_runtime: i64 = "realtimeRuntime";
        /// The realtime period.
        optional realtime_period: u64 = "realtimePeriod";
        /// The CPUs to run on: `0-3,7`.
        optional cpus: String = "cpus";
        /// The memory nodes to use: `0-3,7`.
        optional mems: String = "mems";
        /// 1 runs the container only when nothing else would run.
        optional idle: i64 = "idle";
    }
}
