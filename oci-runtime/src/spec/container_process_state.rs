use oci_image::json::model;

use super::State;

model! {
    /// What a seccomp agent gets with a notify descriptor ([config-linux.md]).
    ///
    /// [config-linux.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#the-container-process-state
    pub struct ContainerProcessState {
        /// The version of the runtime spec that it follows.
        required oci_version: String = "ociVersion";
        /// The names of the descriptors that come with it, in their order.
        list fds: Vec<String> = "fds";
        /// The process ID of the process that has the filter, as the runtime sees it.
        required pid: i64 = "pid";
        /// `listenerMetadata` of the configuration.
        optional metadata: String = "metadata";
        /// The container's state.
        required state: State = "state";
    }
}

impl ContainerProcessState {
    /// The name in `fds` of a seccomp notify descriptor.
    pub const SECCOMP_FD: &'static str = "seccompFd";
}
