use oci_image::json::model;

model! {
    /// How far a clock of a time namespace is from the host's.
    pub struct TimeOffset {
        /// Seconds.
        optional secs: i64 = "secs";
        /// Nanoseconds more.
        optional nanosecs: u32 = "nanosecs";
    }
}
