//! Instances of filesystems, made and configured by fsopen(2), fsconfig(2) and fspick(2).

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags, MountFlags, fsconfig_create,
    fsconfig_reconfigure, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, fspick,
    mount_remount,
};
use rustix::process::{chdir, fchdir};

use super::error::{Context, StepError};
use crate::plan::IVERSION;

/// A new instance of a filesystem, attached nowhere.
pub(crate) fn create(
    kind: &str,
    source: Option<&str>,
    options: &[String],
) -> Result<OwnedFd, StepError> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .context(|| format!("open a filesystem of type `{kind}`"))?;
    if let Some(source) = source {
        let set = fsconfig_set_string(&context, "source", source);
        explain(&context, set).context(|| format!("set source `{source}`"))?;
    }
    configure(&context, options)?;
    let created = fsconfig_create(context.as_fd());
    explain(&context, created)?;
    let mounted = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty());
    explain(&context, mounted)
}

/// The longest value of an option, in bytes, that fsconfig(2) takes.
const MAX_VALUE: usize = 255;

/// Whether an option is longer than fsconfig(2) takes, as the lower directories of an overlay may be.
pub(crate) fn has_long(options: &[String]) -> bool {
    let value = |option: &String| option.split_once('=').map_or(0, |(_, value)| value.len());
    options.iter().any(|option| value(option) > MAX_VALUE)
}

/// Mounts a new instance of a filesystem by mount(2), which takes all options in one text of up to a page.
///
/// It takes a path, too: that of a descriptor, so that no symbolic link leads elsewhere.
pub(crate) fn mount(
    target: BorrowedFd<'_>,
    kind: &str,
    source: Option<&str>,
    options: &[String],
) -> Result<(), StepError> {
    let target = format!("/proc/self/fd/{}", target.as_raw_fd());
    let is_data = |option: &&String| flag(option).is_empty();
    let data: Vec<String> = options.iter().filter(is_data).map(|option| quoted(option)).collect();
    let data = CString::new(data.join(",")).map_err(std::io::Error::from)?;
    Ok(rustix::mount::mount(source.unwrap_or(kind), target, kind, flags(options), data.as_c_str())?)
}

/// A label of SELinux may have a comma in it.
fn quoted(option: &str) -> String {
    match option.strip_prefix("context=") {
        Some(label) => format!("context=\"{label}\""),
        None => option.into(),
    }
}

/// Gives the filesystem that is mounted at `target` other options, for all its mounts.
pub(crate) fn reconfigure(target: BorrowedFd<'_>, options: &[String]) -> Result<(), StepError> {
    let context = fspick(target, "", FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH)?;
    configure(&context, options)?;
    let done = fsconfig_reconfigure(context.as_fd());
    explain(&context, done)
}

/// One call for each option: a comma in a value separates nothing, as it would for mount(2).
fn configure(context: &OwnedFd, options: &[String]) -> Result<(), StepError> {
    for option in options.iter().filter(|option| *option != IVERSION) {
        let set = match option.split_once('=') {
            Some((key, value)) => fsconfig_set_string(context, key, value),
            None => fsconfig_set_flag(context, option.as_str()),
        };
        explain(context, set).context(|| format!("set option `{option}`"))?;
    }
    Ok(())
}

/// Turns `iversion` on if it is asked for. Returns whether it was.
///
/// fsconfig(2) has no parameter for it. mount(2) with `MS_REMOUNT` has, and clears the attributes of the mount: they
/// must be set again.
pub(crate) fn enable_iversion(
    mount: BorrowedFd<'_>,
    options: &[String],
) -> Result<bool, StepError> {
    if !options.iter().any(|option| option == IVERSION) {
        return Ok(false);
    }
    // mount(2) takes a path: from inside the mount itself, `.` is one that nobody can exchange.
    fchdir(mount)?;
    mount_remount(".", flags(options), c"").context(|| format!("set option `{IVERSION}`"))?;
    chdir("/")?;
    Ok(true)
}

/// The options of a superblock that mount(2) has as flags.
fn flags(options: &[String]) -> MountFlags {
    options.iter().fold(MountFlags::empty(), |flags, option| flags | flag(option))
}

fn flag(option: &str) -> MountFlags {
    match option {
        IVERSION => MountFlags::from_bits_retain(libc::MS_I_VERSION as u32),
        "ro" => MountFlags::RDONLY,
        "sync" => MountFlags::SYNCHRONOUS,
        "lazytime" => MountFlags::LAZYTIME,
        "mand" => MountFlags::PERMIT_MANDATORY_FILE_LOCKING,
        _ => MountFlags::empty(),
    }
}

/// Adds to an error what the kernel says about it: reading the descriptor of a filesystem context gives its log.
fn explain<T>(context: &OwnedFd, result: Result<T, Errno>) -> Result<T, StepError> {
    result.map_err(|error| {
        let mut message = [0; 512];
        let read =
            context.try_clone().and_then(|copy| File::from(copy).read(&mut message)).unwrap_or(0);
        let message = String::from_utf8_lossy(&message[..read]);
        // Each message begins with `e `, `w ` or `i `: error, warning or information.
        let message = message.get(2..).unwrap_or_default().trim_end();
        let detail = (!message.is_empty()).then(|| format!("the kernel says `{message}`"));
        StepError { errno: Some(error.raw_os_error()), detail }
    })
}
