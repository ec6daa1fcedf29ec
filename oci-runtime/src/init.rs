//! The init: a fresh, single-threaded process that carries a plan out and decides nothing.
//!
//! It is made by exec and not by fork: a fork of a caller with threads may find the locks of the C library taken for
//! ever, and unshare(2) of a user namespace is refused to a process with threads.

mod command;
mod copy_up;
mod create;
mod descriptor_limit;
mod devices;
mod error;
mod failure;
mod filesystem;
mod function;
mod hint;
mod hooks;
mod identity;
mod labels;
mod mounts;
mod namespaces;
mod paths;
mod preserved;
mod procfs;
mod program;
mod steps;
mod supervisor;
mod terminal;

use std::ffi::OsStr;
use std::sync::OnceLock;

use rustix::fs::Mode;

use crate::function::{Function, Functions};
use crate::sys;
use crate::wire::Greeting;

pub(crate) use identity::give_up;
pub(crate) use namespaces::lines;
use steps::Init;

/// The name (`argv[0]`) by which a program is started to become an init.
pub(crate) const ARGUMENT: &str = "oci-runtime: init";

/// The name of its thread, until it is the process of the container.
pub(crate) const NAME: &std::ffi::CStr = c"oci-init";

/// Becomes the init of a container if this process was made for that, else returns at once.
///
/// Call it as the first line of `main` of a program that uses [`Launcher::current_exe`](crate::Launcher::current_exe):
/// the launcher runs the program again under another name, and this function never returns there. Before other threads:
/// `#[tokio::main]` starts some before the body of `main`, so make the runtime in a plain `main`, after this call.
/// Without the call, or with it among threads, no container is made.
pub fn init() {
    init_with(&[]);
}

/// As [`init`], in a program with functions that can be the process of a container: each has a name, by which
/// [`Bundle::function`](crate::Bundle::function) and [`Exec::function`](crate::Exec::function) choose it, and returns the
/// exit status of the process. One that panics ends with the status 101.
///
/// ```no_run
/// use oci_runtime::{Bundle, FunctionCall, Runtime, Spec, Stdio};
///
/// fn greet(call: FunctionCall) -> u8 {
///     println!("hello, {}", String::from_utf8_lossy(&call.input));
///     0
/// }
///
/// fn main() -> Result<(), oci_runtime::Error> {
///     oci_runtime::init_with(&[("greet", greet)]);
///     let bundle = Bundle::new("bundle", Spec::linux_default()).function("greet", "world");
///     let container = Runtime::open("/run/my-tool")?.create("hello-1", &bundle, Stdio::inherit())?;
///     container.start()?;
///     container.wait()?;
///     container.delete()
/// }
/// ```
pub fn init_with(functions: &[(&str, Function)]) {
    if is_launched() {
        sys::clone::leave(run(functions));
    }
    let call = if is_alone() { Call::Alone } else { Call::AmongThreads };
    let _ = CALL.set(call);
}

/// How `main` of this program called [`init`]: it is called so, too, where the program is to become an init. Set by the
/// first call; later ones do nothing there.
static CALL: OnceLock<Call> = OnceLock::new();

/// How [`init`] was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Never,
    AmongThreads,
    Alone,
}

/// How [`init`] was called in this process.
pub(crate) fn call() -> Call {
    CALL.get().copied().unwrap_or(Call::Never)
}

/// Whether this process was started to become an init.
pub(crate) fn is_launched() -> bool {
    std::env::args_os().next().as_deref() == Some(OsStr::new(ARGUMENT))
}

/// Whether this process has one thread. Where `/proc` does not tell, the kernel does at the steps that need it.
fn is_alone() -> bool {
    !std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1)
}

/// The exit status of an init that carries nothing out.
const REFUSED: i32 = 126;

/// Receives instructions and carries them out. Returns only if that fails, with the exit status.
fn run(functions: Functions<'_>) -> i32 {
    // A program with the set-user-ID bit would carry out the plan of any caller with the rights of its owner.
    if sys::descriptors::is_secure_execution() {
        return REFUSED;
    }
    let Ok(socket) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return REFUSED;
    };
    // The instructions are those of the user that this process runs as, and of nobody else.
    let peer = rustix::net::sockopt::socket_peercred(&socket);
    if !peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid()) {
        return REFUSED;
    }
    let Ok(socket) = close_others(socket) else { return REFUSED };
    let greeting = if is_alone() { Greeting::Alone } else { Greeting::HasThreads };
    if crate::wire::send(&socket, &greeting, &[]).is_err() || greeting == Greeting::HasThreads {
        return REFUSED;
    }
    // What tells it, later, from a function that it calls.
    let _ = rustix::thread::set_name(NAME);
    if sys::signal::reset().is_err() || rustix::process::chdir("/").is_err() {
        return REFUSED;
    }
    sys::schedule::reset();
    // The modes of device nodes and directories are those of the plan.
    let callers = rustix::process::umask(Mode::empty());
    match crate::wire::receive(&socket) {
        Ok(Some((instructions, descriptors))) => {
            steps::run(socket, instructions, descriptors, callers, functions)
        }
        _ => REFUSED,
    }
}

/// Closes all descriptors that the caller left open without close-on-exec, but 0 to 2 and the socket, which moves to 3.
///
/// Such a descriptor would be a way out of the container for its program (CVE-2024-21626).
fn close_others(socket: std::os::fd::OwnedFd) -> std::io::Result<std::os::fd::OwnedFd> {
    drop(socket);
    sys::descriptors::close_from(3)?;
    Ok(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_thread_is_not_alone() {
        let alone = std::thread::scope(|scope| scope.spawn(is_alone).join());
        assert!(!alone.unwrap());
    }
}
