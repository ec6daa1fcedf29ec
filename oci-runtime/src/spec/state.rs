use oci_image::json::{Map, model};

model! {
    /// What a runtime says of a container ([runtime.md]).
    ///
    /// [runtime.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/runtime.md#state
    pub struct State {
        /// The version of the runtime spec that the state follows.
        required oci_version: String = "ociVersion";
        /// The container's ID, unique on the host.
        required id: String = "id";
        /// What it is doing.
        required status: Status = "status";
        /// The process ID of its first process, as the host sees it.
        optional pid: i64 = "pid";
        /// The absolute path of its bundle.
        required bundle: String = "bundle";
        /// The annotations of its configuration.
        list annotations: Map<String> = "annotations";
    }
}

open! {
    /// What a container is doing. `paused` is not in the specification, which permits runtimes to have more.
    pub enum Status {
        Creating = "creating",
        Created = "created",
        Running = "running",
        Stopped = "stopped",
        Paused = "paused",
    }
}
