//! What only z/OS has ([config-zos.md]).
//!
//! [config-zos.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-zos.md

use oci_image::json::model;

model! {
    /// The configuration that only z/OS has.
    pub struct Zos {
        /// The namespaces to make or join; those not named are the runtime's own.
        list namespaces: Vec<Namespace> = "namespaces";
    }

    /// A namespace of a container.
    pub struct Namespace {
        /// What it isolates.
        required r#type: NamespaceType = "type";
        /// The file of a namespace to join; absent makes a new one.
        optional path: String = "path";
    }
}

open! {
    /// What a namespace of z/OS isolates.
    pub enum NamespaceType {
        Pid = "pid",
        Mount = "mount",
        Ipc = "ipc",
        Uts = "uts",
    }
}
