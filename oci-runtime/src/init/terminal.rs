//! The terminal of a container.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use oci_rootfs::Root;
use rustix::fs::{FileType, OFlags, fstat, fstatfs, makedev};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::Init;
use super::error::{Context, StepError};
use super::mounts;
use super::paths::{self, Kind};
use crate::sys::mount::Scope;

/// What is done about a `/dev/console` that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is made.
    Make,
    /// Nothing: its directory is the host's.
    Leave,
}

const CONSOLE: &str = "/dev/console";
const DEVPTS_MAGIC: u64 = 0x1cd1;

/// Opens a terminal of the container's own `/dev/pts`, hands its master to the caller, and makes it standard input,
/// output, error and `/dev/console`, which is made if it may be.
pub(crate) fn open(
    init: &mut Init,
    size: Option<(u16, u16)>,
    missing: Missing,
) -> Result<(), StepError> {
    let console =
        init.console.take().ok_or_else(|| StepError::new("no console socket was given"))?;
    let master = multiplexer(init)?;
    unlockpt(&master)?;
    // The other end by the master's own descriptor, and not by its number under a `/dev/pts` that may be another.
    let slave =
        ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    if let Some((ws_row, ws_col)) = size {
        tcsetwinsize(&slave, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 })?;
    }
    if let Ok(root) = init.root() {
        bind_console(root, slave.as_fd(), missing)
            .context(|| "mount it on `/dev/console`".into())?;
    }
    let handles = [master.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&handles));
    sendmsg(&console, &[IoSlice::new(b"/dev/ptmx")], &mut control, SendFlags::NOSIGNAL)
        .context(|| "send the terminal to the console socket".into())?;
    rustix::stdio::dup2_stdin(&slave)?;
    rustix::stdio::dup2_stdout(&slave)?;
    rustix::stdio::dup2_stderr(&slave)?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())
        .context(|| "make it the controlling terminal".into())?;
    init.has_terminal = true;
    Ok(())
}

/// Mounts a terminal on the `/dev/console` of the container.
///
/// By the descriptor of the terminal: the container may have put another file at its path (CVE-2025-52565).
fn bind_console(root: &Root, terminal: BorrowedFd<'_>, missing: Missing) -> Result<(), StepError> {
    let target = match missing {
        Missing::Make => Some(paths::make(root, CONSOLE, Kind::File)?),
        Missing::Leave => paths::find(root, CONSOLE)?,
    };
    let Some(target) = target else { return Ok(()) };
    mounts::attach(mounts::clone_mount(terminal, Scope::Mount)?.as_fd(), target.as_fd())
}

/// Makes the user of the program the owner of the terminal: it may open it by its name, as `/proc/self/fd/0`.
pub(crate) fn set_owner(uid: u32) -> Result<(), StepError> {
    rustix::fs::fchown(rustix::stdio::stdin(), Some(rustix::fs::Uid::from_raw(uid)), None)
        .context(|| "make the user the owner of the terminal".into())
}

/// The multiplexer of the container's `/dev/pts`.
///
/// An image or a mount may have put another file there: what is opened must be the device, on a devpts.
fn multiplexer(init: &Init) -> Result<std::os::fd::OwnedFd, StepError> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = match init.root() {
        Ok(root) => paths::open_plain(root, "/dev/pts/ptmx", flags),
        Err(_) => {
            rustix::fs::open("/dev/pts/ptmx", flags | OFlags::NOFOLLOW, rustix::fs::Mode::empty())
                .map_err(StepError::from)
        }
    }
    .context(|| "open `/dev/pts/ptmx`".into())?;
    let found = fstat(&master)?;
    let real = FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
        && found.st_rdev == makedev(5, 2)
        && fstatfs(&master)?.f_type as u64 == DEVPTS_MAGIC;
    if real {
        Ok(master)
    } else {
        Err(StepError::new("`/dev/pts/ptmx` is not a terminal multiplexer"))
    }
}
