use oci_image::json::model;

model! {
    /// The root filesystem of a container: where it is, as the `Root` of `oci-rootfs` is the open directory.
    pub struct Root {
        /// The directory: absolute, or relative to the bundle.
        required path: String = "path";
        /// Whether the container must not write to it.
        optional readonly: bool = "readonly";
    }
}

impl Root {
    /// Where a bundle has its root filesystem unless the specification says otherwise.
    pub(crate) const DEFAULT_PATH: &str = "rootfs";
}
