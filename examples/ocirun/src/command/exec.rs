use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use oci_runtime::spec::{Capability, Process as Program};
use oci_runtime::{Container, Exec, Stdio};

use crate::Result;
use crate::arguments::{Arguments, Word, unknown};
use crate::console::{self, Console};
use crate::creation::Mode;
use crate::foreground::{Foreground, exit_code};
use crate::global::Global;
use crate::pid_file;

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> Result<ExitCode> {
    let mut options = Options::default();
    let id = loop {
        match arguments.next()? {
            Some(Word::Value(id)) => break id,
            Some(Word::Option(name)) if options.option(&name, arguments)? => {}
            Some(Word::Option(name)) => return Err(unknown(&name)),
            None => return Err("it takes a container ID and a program".into()),
        }
    };
    let container = global.container(&id)?;
    let code = options.exec(&container, arguments.rest()?);
    global.warn(&container);
    code
}

/// The options of `exec`.
#[derive(Debug, Default)]
struct Options {
    /// A file with the whole process.
    process: Option<PathBuf>,
    cwd: Option<String>,
    env: Vec<String>,
    tty: bool,
    user: Option<String>,
    additional_gids: Vec<u32>,
    capabilities: Vec<Capability>,
    no_new_privileges: bool,
    apparmor: Option<String>,
    label: Option<String>,
    detach: bool,
    pid_file: Option<PathBuf>,
    console_socket: Option<PathBuf>,
    preserve_fds: usize,
    ignore_paused: bool,
}

impl Options {
    fn option(&mut self, name: &str, arguments: &mut Arguments) -> Result<bool> {
        match name {
            "process" | "p" => self.process = Some(arguments.value()?.into()),
            "cwd" => self.cwd = Some(arguments.value()?),
            "env" | "e" => self.env.push(arguments.value()?),
            "tty" | "t" => self.tty = arguments.is_set()?,
            "user" | "u" => self.user = Some(arguments.value()?),
            "additional-gids" | "g" => self.additional_gids.push(arguments.parse()?),
            "cap" | "c" => self.capabilities.push(arguments.value()?.as_str().into()),
            "no-new-privs" => self.no_new_privileges = arguments.is_set()?,
            "apparmor" => self.apparmor = Some(arguments.value()?),
            "process-label" => self.label = Some(arguments.value()?),
            "cgroup" => refuse_cgroup(&arguments.value()?)?,
            _ => return self.place(name, arguments),
        }
        Ok(true)
    }

    fn place(&mut self, name: &str, arguments: &mut Arguments) -> Result<bool> {
        match name {
            "detach" | "d" => self.detach = arguments.is_set()?,
            "pid-file" => self.pid_file = Some(arguments.value()?.into()),
            "console-socket" => self.console_socket = Some(arguments.value()?.into()),
            "preserve-fds" => self.preserve_fds = arguments.parse()?,
            "ignore-paused" => self.ignore_paused = arguments.is_set()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn exec(&self, container: &Container, args: Vec<String>) -> Result<ExitCode> {
        let mut program = match &self.process {
            Some(path) => read(path)?,
            None => self.program(container, args)?,
        };
        let mode = if self.detach { Mode::Detached } else { Mode::Foreground };
        let terminal = console::has_terminal(&mut program, mode);
        let (stdio, console) = Console::open(terminal, self.console_socket.as_deref(), mode)?;
        let stdio = stdio.descriptors(Stdio::inherited_descriptors(self.preserve_fds)?);
        let foreground = (!self.detach).then(Foreground::new).transpose()?;
        // Who reads the pid file waits for the process, as the parent that it gets when this one ends.
        let exec = Exec::new(program).as_own_child();
        let exec = if self.ignore_paused { exec.even_if_paused() } else { exec };
        let process = container.exec(exec, stdio)?;
        if let Some(path) = &self.pid_file {
            pid_file::write(path, process.pid().into())?;
        }
        let Some(foreground) = foreground else { return Ok(ExitCode::SUCCESS) };
        let terminal = console.master()?;
        foreground.follow(process.as_fd(), |signal| process.kill(signal), terminal.as_ref())?;
        Ok(exit_code(process.wait()?))
    }

    /// The container's own program, changed by the options.
    fn program(&self, container: &Container, args: Vec<String>) -> Result<Program> {
        if args.is_empty() {
            return Err("process args cannot be empty".into());
        }
        let mut program = container.spec()?.process.unwrap_or_else(|| Program::new("/".into()));
        program.args = args;
        program.terminal = Some(self.tty);
        program.cwd = self.cwd.clone().unwrap_or(program.cwd);
        program.env.extend(self.env.iter().cloned());
        program.apparmor_profile = self.apparmor.clone().or(program.apparmor_profile);
        program.selinux_label = self.label.clone().or(program.selinux_label);
        if self.no_new_privileges {
            program.no_new_privileges = Some(true);
        }
        if !self.capabilities.is_empty() {
            let sets = program.capabilities.get_or_insert_default();
            for set in
                [&mut sets.bounding, &mut sets.effective, &mut sets.permitted, &mut sets.ambient]
            {
                set.extend(self.capabilities.iter().cloned());
            }
        }
        let user = program.user.get_or_insert_default();
        if let Some(text) = &self.user {
            let (uid, gid) =
                text.split_once(':').map_or((text.as_str(), None), |(uid, gid)| (uid, Some(gid)));
            user.uid = Some(id(uid)?);
            user.gid = gid.map(id).transpose()?.or(user.gid);
        }
        user.additional_gids.extend(&self.additional_gids);
        Ok(program)
    }
}

fn id(text: &str) -> Result<u32> {
    text.parse().map_err(|_| format!("`{text}` is not the number of a user or group").into())
}

fn read(path: &std::path::Path) -> Result<Program> {
    let failed = |reason: &dyn std::fmt::Display| {
        format!("cannot read the process in `{}`: {reason}", path.display())
    };
    let text = std::fs::read(path).map_err(|error| failed(&error))?;
    Ok(oci_image::json::from_slice(&text).map_err(|error| failed(&error))?)
}

fn refuse_cgroup(path: &str) -> Result<()> {
    Err(format!("cannot run a process in cgroup `{path}` below the container's").into())
}
