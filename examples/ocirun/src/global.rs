//! What stands before the command.

use std::path::PathBuf;

use oci_runtime::{CgroupDriver, Container, Runtime};
use rustix::process::geteuid;

use crate::Result;
use crate::arguments::{Arguments, Word, unknown};
use crate::error::Version;
use crate::log::{Format, Log};

/// The options before the command, and its name.
#[derive(Debug, Default)]
pub(crate) struct Global {
    root: Option<PathBuf>,
    pub(crate) cgroup_driver: CgroupDriver,
    pub(crate) log: Log,
    pub(crate) command: Option<String>,
}

impl Global {
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Self> {
        let (mut root, mut log, mut format, mut debug) = (None, None, Format::default(), false);
        let (mut command, mut cgroup_driver) = (None, CgroupDriver::default());
        while command.is_none()
            && let Some(word) = arguments.next()?
        {
            match word {
                Word::Value(name) => command = Some(name),
                Word::Option(name) => match name.as_str() {
                    "root" => root = Some(arguments.value()?.into()),
                    "log" => log = Some(PathBuf::from(arguments.value()?)),
                    "log-format" => format = arguments.parse()?,
                    "debug" => debug = arguments.is_set()?,
                    "version" | "v" => return Err(Version.into()),
                    // What the caller may do is found out by the runtime.
                    "rootless" => drop(arguments.value()?),
                    // Where criu is, in old versions of runc.
                    "criu" => drop(arguments.value()?),
                    "systemd-cgroup" if arguments.is_set()? => {
                        cgroup_driver = CgroupDriver::Systemd;
                    }
                    "systemd-cgroup" => cgroup_driver = CgroupDriver::default(),
                    _ => return Err(unknown(&name)),
                },
            }
        }
        let log = log.filter(|path| !path.as_os_str().is_empty());
        let mut log = Log::new(log.as_deref(), format)?;
        log.debug = debug;
        Ok(Self { root, cgroup_driver, log, command })
    }

    /// The containers.
    pub(crate) fn runtime(&self) -> Result<Runtime> {
        let runtime = Runtime::open(self.root.clone().unwrap_or_else(default_root))?;
        Ok(runtime.cgroup_driver(self.cgroup_driver))
    }

    /// The container of an ID.
    pub(crate) fn container(&self, id: &str) -> Result<Container> {
        Ok(self.runtime()?.container(id)?)
    }

    /// Writes the warnings of a container to the log.
    pub(crate) fn warn(&self, container: &Container) {
        container.warnings().iter().for_each(|warning| self.log.warning(warning));
    }
}

/// Where containers are kept; for a user in its own directory.
fn default_root() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| is_user());
    own.map_or_else(|| "/run/ocirun".into(), |own| PathBuf::from(own).join("ocirun"))
}

/// Whether the caller is not root of the host. A user's podman runs a runtime as root of a user namespace.
fn is_user() -> bool {
    let all = ["0", "0", "4294967295"];
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    !geteuid().is_root() || !map.split_whitespace().eq(all)
}
