//! A root filesystem made from what the host has.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::elf::needed_files;

/// A command for a root filesystem made by [`make`].
#[derive(Debug)]
pub struct Command {
    /// The words of the command.
    pub args: Vec<String>,
    /// The environment that it needs.
    pub env: Vec<String>,
}

/// Makes a root filesystem in the empty directory `root`: a static busybox if the host has one, else the program
/// `fallback` with its interpreter and libraries, which is then run with the argument `--report`.
///
/// # Errors
/// If a file cannot be read or written.
pub fn make(root: &Path, fallback: &Path) -> io::Result<Command> {
    let command = command(fallback)?;
    for directory in ["bin", "dev", "etc", "proc", "root", "sys", "tmp"] {
        fs::create_dir(root.join(directory))?;
    }
    fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\n")?;
    match static_busybox() {
        Some(busybox) => install_busybox(root, &busybox)?,
        None => install_program(root, fallback)?,
    }
    Ok(command)
}

/// The command that [`make`] would return.
///
/// # Errors
/// If the program cannot be read.
pub fn command(fallback: &Path) -> io::Result<Command> {
    if static_busybox().is_some() {
        return Ok(Command { args: vec!["/bin/report".into()], env: vec!["PATH=/bin".into()] });
    }
    let needed = needed_files(fallback)?;
    let directories: BTreeSet<_> =
        needed.iter().filter_map(|file| file.parent()).map(Path::to_string_lossy).collect();
    let directories: Vec<_> = directories.iter().map(|directory| &**directory).collect();
    let args = vec![format!("/bin/{}", name(fallback).to_string_lossy()), "--report".into()];
    Ok(Command { args, env: vec![format!("LD_LIBRARY_PATH={}", directories.join(":"))] })
}

fn name(program: &Path) -> &OsStr {
    program.file_name().unwrap_or(OsStr::new("program"))
}

fn static_busybox() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join("busybox"));
    candidates
        .find(|file| file.is_file() && needed_files(file).is_ok_and(|needed| needed.is_empty()))
}

const APPLETS: [&str; 12] =
    ["cat", "echo", "false", "grep", "hostname", "id", "ls", "mount", "ps", "sh", "sleep", "true"];

/// What [`report`] does, for a shell.
const REPORT: &str = "\
#!/bin/sh
echo pid $$
echo hostname $(hostname)
echo uid $(id -u)
if grep -q ' /proc/sys proc ro,' /proc/self/mounts; then echo /proc/sys is read-only; fi
";

fn install_busybox(root: &Path, busybox: &Path) -> io::Result<()> {
    fs::copy(busybox, root.join("bin/busybox"))?;
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    fs::write(root.join("bin/report"), REPORT)?;
    fs::set_permissions(root.join("bin/report"), Permissions::from_mode(0o755))
}

fn install_program(root: &Path, program: &Path) -> io::Result<()> {
    fs::copy(program, root.join("bin").join(name(program)))?;
    for file in needed_files(program)? {
        let copy = root.join(file.strip_prefix("/").unwrap_or(&file));
        fs::create_dir_all(copy.parent().unwrap_or(root))?;
        fs::copy(&file, copy)?;
    }
    Ok(())
}

/// Prints what a process sees of itself: its pid, hostname and uid, and whether the settings of the kernel are
/// read-only. Run in the container.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn report(out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "pid {}", std::process::id())?;
    writeln!(out, "hostname {}", fs::read_to_string("/proc/sys/kernel/hostname")?.trim())?;
    let status = fs::read_to_string("/proc/self/status")?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    writeln!(out, "uid {}", uid.split_whitespace().next().unwrap_or_default())?;
    if fs::read_to_string("/proc/self/mounts")?.contains(" /proc/sys proc ro,") {
        writeln!(out, "/proc/sys is read-only")?;
    }
    Ok(())
}
