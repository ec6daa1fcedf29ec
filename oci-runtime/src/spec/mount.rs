use oci_image::json::model;

use super::IdMapping;

model! {
    /// A mount in a container.
    pub struct Mount {
        /// Where in the container. On Linux a relative path starts at `/`.
        required destination: String = "destination";
        /// The type of the filesystem (`proc`, `tmpfs`); ignored for bind mounts.
        optional r#type: String = "type";
        /// A device name, a file or directory of the host, or a word. Relative to the bundle.
        optional source: String = "source";
        /// Mount options in the manner of fstab.
        list options: Vec<String> = "options";
        /// How to map user IDs of the filesystem.
        list uid_mappings: Vec<IdMapping> = "uidMappings";
        /// How to map group IDs of the filesystem.
        list gid_mappings: Vec<IdMapping> = "gidMappings";
    }
}
