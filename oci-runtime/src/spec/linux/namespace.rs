use oci_image::json::model;

model! {
    /// A namespace of a container.
    pub struct Namespace {
        /// What it isolates.
        required r#type: NamespaceType = "type";
        /// The file of a namespace to join; absent makes a new one.
        optional path: String = "path";
    }
}

open! {
    /// What a namespace isolates.
    pub enum NamespaceType {
        Pid = "pid",
        Network = "network",
        Mount = "mount",
        Ipc = "ipc",
        Uts = "uts",
        User = "user",
        Cgroup = "cgroup",
        Time = "time",
    }
}
