use oci_image::json::model;

model! {
    /// Shares of cache and memory bandwidth, by resctrl.
    pub struct IntelRdt {
        /// The class of service; absent uses the container's ID.
        optional clos_id: String = "closID";
        /// Lines for the file `schemata`.
        list schemata: Vec<String> = "schemata";
        /// The line that begins with `L3:`.
        optional l3_cache_schema: String = "l3CacheSchema";
        /// The line that begins with `MB:`.
        optional mem_bw_schema: String = "memBwSchema";
        /// Whether to make a group that counts.
        optional enable_monitoring: bool = "enableMonitoring";
        /// Of spec versions before 1.3: whether to count cache use.
        optional enable_cmt: bool = "enableCMT";
        /// Of spec versions before 1.3: whether to count memory bandwidth.
        optional enable_mbm: bool = "enableMBM";
    }
}
