//! The program of the container: where it is, where it begins, becoming it.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};

use oci_rootfs::Root;
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, accessat, open, stat};
use rustix::io::Errno;
use rustix::process::{chdir, getcwd};

use super::error::{Context, StepError};
use crate::spec::Users;
use crate::sys::execute::{CStringArray, execute};

/// A program that was found.
#[derive(Debug)]
pub(crate) struct Program {
    path: String,
    /// The same, as the kernel reads it.
    file: CString,
}

/// Attempts to execute a program that another process has open for writing (`ETXTBSY`), for some hundredths of a
/// second: a fork of a thread that has written the file closes it soon. Without a pause, whose system call a filter may
/// forbid.
const MAX_ATTEMPTS: usize = 10_000;

/// Changes to the working directory, which must be inside the root filesystem.
pub(crate) fn working_directory(path: &str) -> Result<(), StepError> {
    chdir(path)?;
    // A link such as `/proc/self/fd/7` may lead to a directory of the host (CVE-2024-21626). getcwd(2) answers with a
    // path that does not begin with `/`, or with ENOENT, where the root does not reach the directory.
    match getcwd(Vec::new()) {
        Ok(found) if found.to_bytes().starts_with(b"/") => Ok(()),
        Ok(_) | Err(Errno::NOENT) => {
            Err(StepError::new(format!("`{path}` leads out of the root filesystem")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The home directory of a user by the `/etc/passwd` of the container, whose root this process has; `/` without an entry,
/// or where the file cannot be read.
pub(crate) fn home(uid: u32) -> String {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let users = open("/", flags, Mode::empty())
        .map_err(io::Error::from)
        .and_then(|root| Users::read(&Root::from_fd(root, "/")?));
    let home = users.ok().and_then(|users| users.home(uid).map(String::from));
    home.unwrap_or_else(|| "/".into())
}

/// Looks a program up: a name without a slash in the search path, any other as it is.
pub(crate) fn find(name: &str, search: &[String]) -> Result<Program, StepError> {
    if name.contains('/') {
        usable(name)?;
        return Program::new(name.into());
    }
    let mut refused = None;
    for directory in search {
        let path = format!(
            "{}/{name}",
            if directory.is_empty() { "." } else { directory.trim_end_matches('/') }
        );
        match usable(&path) {
            Ok(()) => return Program::new(path),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => refused = refused.or(Some((path, error))),
        }
    }
    match refused {
        Some((path, error)) => Err(error).context(|| format!("execute `{path}`")),
        None => {
            // In the words by which callers, such as podman, tell a missing program from other errors.
            Err(StepError::new(format!(
                "executable file not found in PATH, `{}`",
                search.join(":")
            )))
        }
    }
}

/// Retries while the file is open for writing.
fn retry_while_busy(mut attempt: impl FnMut() -> io::Error) -> io::Error {
    for _ in 1..MAX_ATTEMPTS {
        let error = attempt();
        if error.kind() != io::ErrorKind::ExecutableFileBusy {
            return error;
        }
    }
    attempt()
}

/// Whether a path is a file that this process may execute.
fn usable(path: &str) -> Result<(), Errno> {
    let found = stat(path)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            Errno::ISDIR
        } else {
            Errno::ACCESS
        });
    }
    // By the rights that execve goes by: without the flag access(2) takes the capabilities away from a user but root.
    accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?;
    // For root, some filesystems say yes even if nobody may execute the file; execve does not.
    if found.st_mode & 0o111 == 0 { Err(Errno::ACCESS) } else { Ok(()) }
}

impl Program {
    fn new(path: String) -> Result<Self, StepError> {
        let file = CString::new(path.as_str()).map_err(io::Error::from)?;
        Ok(Self { path, file })
    }

    /// Becomes the program. Returns only if that fails; before that it makes no other system call, which a filter could
    /// forbid.
    pub(crate) fn execute(
        &self,
        arguments: &CStringArray,
        environment: &CStringArray,
    ) -> Result<(), StepError> {
        let error = retry_while_busy(|| execute(&self.file, arguments, environment));
        let StepError { errno, .. } = error.into();
        Err(StepError { errno, detail: self.diagnose() })
    }

    /// What is wrong by the look of the file: execve answers ENOENT for a program whose interpreter is missing.
    fn diagnose(&self) -> Option<String> {
        match interpreter(&self.path) {
            Some(interpreter) if stat(interpreter.as_str()).is_err() => {
                Some(format!("interpreter `{interpreter}` of `{}` is missing", self.path))
            }
            Some(interpreter) if usable(&interpreter).is_err() => {
                Some(format!("interpreter `{interpreter}` of `{}` is not executable", self.path))
            }
            _ => None,
        }
    }
}

/// The interpreter that a script or a dynamic executable names.
fn interpreter(path: &str) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(64 << 10).read_to_end(&mut head).ok()?;
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        return String::from_utf8_lossy(line).split_whitespace().next().map(String::from);
    }
    elf_interpreter(&head)
}

/// The interpreter segment of a 64-bit little-endian ELF file.
fn elf_interpreter(head: &[u8]) -> Option<String> {
    const PT_INTERP: u32 = 3;
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let word = |at: usize, size: usize| -> Option<usize> {
        let bytes = head.get(at..at.checked_add(size)?)?;
        usize::try_from(bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
            .ok()
    };
    let (table, size, count) = (word(32, 8)?, word(54, 2)?, word(56, 2)?);
    for index in 0..count {
        let at = table.checked_add(index * size)?;
        if word(at, 4)? as u32 == PT_INTERP {
            let (start, length) = (word(at.checked_add(8)?, 8)?, word(at.checked_add(32)?, 8)?);
            let name = head.get(start..start.checked_add(length)?)?;
            return Some(String::from_utf8_lossy(name).trim_end_matches('\0').into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_program_is_retried_and_not_for_ever() {
        for (busy, expected) in [(2, 3), (usize::MAX, MAX_ATTEMPTS)] {
            let mut attempts = 0;
            let error = retry_while_busy(|| {
                attempts += 1;
                io::Error::from_raw_os_error(if attempts <= busy {
                    libc::ETXTBSY
                } else {
                    libc::EPERM
                })
            });
            let last = if busy == 2 { libc::EPERM } else { libc::ETXTBSY };
            assert_eq!((attempts, error.raw_os_error()), (expected, Some(last)));
        }
    }
}
