use oci_image::json::model;

model! {
    /// A range of user or group IDs of a container and where it lies on the host.
    pub struct IdMapping {
        /// The first ID in the container.
        required container_id: u32 = "containerID";
        /// The first ID on the host.
        required host_id: u32 = "hostID";
        /// How many IDs.
        required size: u32 = "size";
    }
}
