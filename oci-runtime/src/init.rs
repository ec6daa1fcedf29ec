//! The init: a fresh, single-threaded process that carries a plan out and decides nothing.

mod devices;
mod error;
mod identity;
mod mounts;
mod namespaces;
mod paths;
mod procfs;
mod program;
mod steps;
mod supervisor;
mod terminal;

use std::ffi::OsStr;

use rustix::fs::Mode;

use crate::sys;

pub(crate) use namespaces::lines;
use steps::Init;

/// The first argument that makes a program an init.
pub(crate) const ARGUMENT: &str = "oci-runtime: init";

/// Becomes the init of a container if this process was made for that, else returns at once.
///
/// Call it as the first line of `main` of a program that uses [`Launcher::current_exe`](crate::Launcher::current_exe):
/// the launcher runs the program again under another name, and this function never returns there.
pub fn init() {
    if std::env::args_os().next().as_deref() == Some(OsStr::new(ARGUMENT)) {
        sys::clone::leave(run());
    }
}

/// The life of an init. Returns the exit status of a life that failed.
fn run() -> i32 {
    const REFUSED: i32 = 126;
    // Whoever may call a set-user-id program must not have it carry out a plan of his.
    if sys::descriptors::is_secure_execution() {
        return REFUSED;
    }
    let Ok(socket) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return REFUSED;
    };
    let peer = rustix::net::sockopt::socket_peercred(&socket);
    if !peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid()) {
        return REFUSED;
    }
    let Ok(socket) = only_descriptor(socket) else { return REFUSED };
    if sys::signal::reset().is_err() || rustix::process::chdir("/").is_err() {
        return REFUSED;
    }
    rustix::process::umask(Mode::empty());
    match crate::wire::receive(&socket) {
        Ok(Some((instructions, descriptors))) => steps::run(socket, instructions, descriptors),
        _ => REFUSED,
    }
}

/// Closes all that the caller left open, but standard input, output and error and the socket, which moves to 3.
fn only_descriptor(socket: std::os::fd::OwnedFd) -> std::io::Result<std::os::fd::OwnedFd> {
    drop(socket);
    sys::descriptors::close_from(3)?;
    Ok(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?)
}
