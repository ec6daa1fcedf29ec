use oci_image::json::model;

model! {
    /// A network device of the host that moves into a container.
    pub struct NetDevice {
        /// Its name in the container; absent keeps the name.
        optional name: String = "name";
    }
}
