use oci_image::json::{Map, model};

use super::vm::OneHwConfig;
use super::{FreeBsd, Hooks, Linux, Mount, Process, Root, Solaris, Vm, Windows, Zos};

model! {
    /// The configuration of a container: `config.json` of a bundle ([config.md]).
    ///
    /// [config.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md
    pub struct Spec {
        /// The version of the runtime spec that the configuration follows.
        required oci_version: String = "ociVersion";
        /// The program to run; needed when the container starts.
        optional process: Process = "process";
        /// The root filesystem.
        optional root: Root = "root";
        /// The host name that the container sees.
        optional hostname: String = "hostname";
        /// The NIS domain name that the container sees.
        optional domainname: String = "domainname";
        /// What to mount, in this order.
        list mounts: Vec<Mount> = "mounts";
        /// Programs to run at points of the container's life.
        optional hooks: Hooks = "hooks";
        /// Annotations.
        list annotations: Map<String> = "annotations";
        /// What only Linux has.
        optional linux: Linux = "linux";
        /// What only Solaris has.
        optional solaris: Solaris = "solaris";
        /// What only Windows has.
        optional windows: Windows = "windows";
        /// What only virtual machines have.
        optional vm: Vm as OneHwConfig = "vm";
        /// What only z/OS has.
        optional zos: Zos = "zos";
        /// What only FreeBSD has.
        optional freebsd: FreeBsd = "freebsd";
    }
}

impl Spec {
    /// The version of the runtime spec that these models follow.
    pub const VERSION: &'static str = "1.3.0";

    /// The version of what is made here: the oldest that has all of it, which old runtimes accept too.
    pub(crate) const MADE: &'static str = "1.0.2";
}
