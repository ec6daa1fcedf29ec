//! Runs containers with the command line of runc, for podman, buildah and containerd in its place.
#![forbid(unsafe_code)]

mod arguments;
mod command;
mod console;
mod creation;
mod error;
mod foreground;
mod global;
mod json;
mod log;
mod pid_file;
mod size;
mod table;
mod terminal;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::Arguments;
use error::{Help, Version};
use global::Global;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: ocirun [OPTION...] COMMAND [OPTION...] [ARGUMENT...]

Runs containers of bundles, with the command line of runc.

  create [-b DIR] [--pid-file FILE] [--console-socket PATH] [--preserve-fds N] ID
                           make a container up to the start of its program
  start ID                 run the program of a container that was created
  run [-d] [--keep] (options of create) ID
                           create and start, wait for the end, delete; -d does not wait
  exec [OPTION...] ID PROGRAM [ARGUMENT...]
                           run one more program: --process FILE, --cwd DIR, --env NAME=VALUE, --tty, --user UID[:GID],
                           --additional-gids GID, --cap NAME, --no-new-privs, --preserve-fds N, --pid-file FILE,
                           --console-socket PATH, --detach, --ignore-paused
  state ID                 print what a container is doing, as JSON
  kill [--all] ID [SIGNAL] send a signal (default TERM) to the first process, or to all
  delete [--force] ID      remove a container; --force kills it first
  list [-f table|json] [-q]
                           print the containers
  ps [-f table|json] ID [OPTION OF ps...]
                           print the processes of a container
  pause ID, resume ID      stop and continue all processes of a container
  update [OPTION...] ID    change limits: --resources FILE (- reads standard input), --memory, --memory-reservation,
                           --memory-swap, --cpu-period, --cpu-quota, --cpu-share, --cpu-rt-period, --cpu-rt-runtime,
                           --cpu-idle, --cpuset-cpus, --cpuset-mems, --blkio-weight, --pids-limit
  events [--stats] [--interval TIME] ID
                           print what a container uses, once or every 5s, and when memory ran out
  spec [-b DIR] [--rootless]
                           write a config.json to begin with
  features                 print what this program can do, as JSON
  plan [-b DIR]            print each step that create and start would take here, or every reason why not

Options before the command:
  --root DIR               where containers are kept (default /run/ocirun, or $XDG_RUNTIME_DIR/ocirun)
  --log FILE               write log lines there (default standard error)
  --log-format text|json   how (default text)
  --debug                  write more of them
  --systemd-cgroup         have systemd make the cgroups, where version 2 is all there is (needs the feature `systemd`)
  --rootless VALUE         accepted: what the caller may do is found out
  --version                print the version

Exit status: that of the program for run and exec, 0, 1 if it failed, 255 if exec failed.";

fn main() -> ExitCode {
    oci_runtime::init();
    let mut arguments = Arguments::from_env();
    let global = match Global::parse(&mut arguments) {
        Ok(global) => global,
        Err(error) => return failed(&Global::default(), "", &*error),
    };
    let Some(name) = global.command.as_deref() else { return print(USAGE) };
    global.log.debug(&format!("{:?}", std::env::args_os().collect::<Vec<_>>()));
    match command::run(name, &global, &mut arguments) {
        Ok(code) => code,
        Err(error) => failed(&global, name, &*error),
    }
}

/// Reports an error, and returns the exit status that callers tell it by.
fn failed(global: &Global, command: &str, error: &(dyn std::error::Error + 'static)) -> ExitCode {
    if error.is::<Help>() {
        return print(USAGE);
    }
    if error.is::<Version>() {
        let (version, spec) = (env!("CARGO_PKG_VERSION"), oci_runtime::Spec::VERSION);
        return print(format_args!("ocirun version {version}\nspec: {spec}"));
    }
    global.log.error(&error::text(command, error));
    ExitCode::from(if command == "exec" { 255 } else { 1 })
}

/// Prints a line. A reader that is gone is not an error.
fn print(text: impl std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}
