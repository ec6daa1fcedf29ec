//! Making a container: what `create` and `run` share.

use std::fs::File;
use std::path::PathBuf;

use oci_runtime::{Bundle, CgroupDriver, Container, Stdio};

use crate::Result;
use crate::arguments::Arguments;
use crate::console::{self, Console};
use crate::global::Global;
use crate::pid_file;

/// The options of `create`.
#[derive(Debug, Default)]
pub(crate) struct Creation {
    /// None: the working directory.
    bundle: Option<PathBuf>,
    pid_file: Option<PathBuf>,
    console_socket: Option<PathBuf>,
    preserve_fds: usize,
    no_new_keyring: bool,
}

/// Whether this process stays until the container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Foreground,
    Detached,
}

/// A container that was created.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) container: Container,
    /// The master of its terminal, where this process has it.
    pub(crate) terminal: Option<File>,
}

impl Creation {
    /// Reads an option, if it is one of these.
    pub(crate) fn option(&mut self, name: &str, arguments: &mut Arguments) -> Result<bool> {
        match name {
            "bundle" | "b" => self.bundle = Some(arguments.value()?.into()),
            "pid-file" => self.pid_file = Some(arguments.value()?.into()),
            "console-socket" => self.console_socket = Some(arguments.value()?.into()),
            "preserve-fds" => self.preserve_fds = arguments.parse()?,
            "no-new-keyring" => self.no_new_keyring = arguments.is_set()?,
            "no-pivot" => refuse_no_pivot(arguments.is_set()?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn create(&self, global: &Global, id: &str, mode: Mode) -> Result<Created> {
        let mut bundle = Bundle::open(self.bundle.clone().unwrap_or_else(|| ".".into()))?;
        default_cgroup(&mut bundle, id, global.cgroup_driver);
        let mut count = self.preserve_fds;
        if let Some(listening) = listening() {
            count = count.saturating_add(listening);
            let process = bundle.spec_mut().process.as_mut();
            process.into_iter().for_each(|process| {
                process.env.extend([format!("LISTEN_FDS={listening}"), "LISTEN_PID=1".into()]);
            });
        }
        let process = bundle.spec_mut().process.as_mut();
        let terminal = process.is_some_and(|process| console::has_terminal(process, mode));
        let (stdio, console) = Console::open(terminal, self.console_socket.as_deref(), mode)?;
        let stdio = stdio.descriptors(Stdio::inherited_descriptors(count)?);
        if self.no_new_keyring {
            global.log.warning(
                "--no-new-keyring has no effect: a container gets a session keyring of its own",
            );
        }
        let container = global.runtime()?.create(id, &bundle, stdio)?;
        global.warn(&container);
        match self.finish(&container, &console) {
            Ok(terminal) => Ok(Created { container, terminal }),
            Err(error) => {
                container.force_delete()?;
                Err(error)
            }
        }
    }

    fn finish(&self, container: &Container, console: &Console) -> Result<Option<File>> {
        if let Some(path) = &self.pid_file {
            pid_file::write(path, container.state()?.pid.unwrap_or_default())?;
        }
        console.master()
    }
}

fn refuse_no_pivot(asked: bool) -> Result<()> {
    if !asked {
        return Ok(());
    }
    Err("cannot do without pivot_root(2), as `--no-pivot` asks for".into())
}

/// As runc has it: below the cgroup of this process, or in the slice that systemd chooses, named by the ID.
fn default_cgroup(bundle: &mut Bundle, id: &str, driver: CgroupDriver) {
    let path = &mut bundle.spec_mut().linux.get_or_insert_default().cgroups_path;
    if path.as_deref().is_none_or(str::is_empty) {
        *path = Some(match driver {
            CgroupDriver::Systemd => format!(":ocirun:{id}"),
            _ => id.into(),
        });
    }
}

/// How many sockets this process got by the protocol of socket activation ([sd_listen_fds(3)]).
///
/// [sd_listen_fds(3)]: https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
fn listening() -> Option<usize> {
    let number = |name| std::env::var(name).ok()?.parse::<usize>().ok();
    let is_for_this = number("LISTEN_PID") == usize::try_from(std::process::id()).ok();
    number("LISTEN_FDS").filter(|count| is_for_this && *count > 0)
}
