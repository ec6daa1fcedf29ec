use std::os::fd::AsFd;
use std::process::ExitCode;

use oci_runtime::Container;

use crate::Result;
use crate::arguments::Arguments;
use crate::creation::{Created, Creation, Mode};
use crate::foreground::{Foreground, exit_code};
use crate::global::Global;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<ExitCode> {
    let mut creation = Creation::default();
    let (mut mode, mut keep) = (Mode::Foreground, false);
    let id = arguments.id(|name, arguments| {
        match name {
            "detach" | "d" if arguments.is_set()? => mode = Mode::Detached,
            "detach" | "d" => mode = Mode::Foreground,
            "keep" => keep = arguments.is_set()?,
            // The container's processes are found by their cgroup, whoever their parent is.
            "no-subreaper" => drop(arguments.is_set()?),
            _ => return creation.option(name, arguments),
        }
        Ok(true)
    })?;
    // Before the container: no signal is to end this process and leave the container behind.
    let foreground = match mode {
        Mode::Foreground => Some(Foreground::new()?),
        Mode::Detached => None,
    };
    let created = creation.create(global, &id, mode)?;
    let code = match start(foreground, &created) {
        Ok(code) if matches!(mode, Mode::Detached) || keep => return Ok(code),
        result => result,
    };
    created.container.force_delete()?;
    global.warn(&created.container);
    code
}

fn start(foreground: Option<Foreground>, created: &Created) -> Result<ExitCode> {
    let Created { container, terminal } = created;
    container.start()?;
    let Some(foreground) = foreground else { return Ok(ExitCode::SUCCESS) };
    foreground.follow(container.as_fd(), |signal| container.kill(signal), terminal.as_ref())?;
    ended(container)
}

fn ended(container: &Container) -> Result<ExitCode> {
    Ok(exit_code(container.wait()?))
}
