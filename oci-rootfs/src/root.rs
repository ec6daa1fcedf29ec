//! A directory that no path leads out of.

mod by_component;
mod find;
#[cfg(target_os = "linux")]
mod linux;
mod make;
#[cfg(not(target_os = "linux"))]
mod no_openat2;
mod open;
#[cfg(target_os = "linux")]
mod openat2;
mod resolve;
#[cfg(not(target_os = "linux"))]
mod unix;

#[cfg(all(feature = "layers", target_os = "linux"))]
mod attributes;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod id;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod incomplete;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod remove;
#[cfg(all(feature = "layers", target_os = "linux"))]
mod tree;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use self::resolve::Links;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use no_openat2 as openat2;
#[cfg(not(target_os = "linux"))]
use unix as system;

#[cfg(all(feature = "layers", target_os = "linux"))]
pub(crate) use self::{
    attributes::{Attributes, Target, is_hosts_own, split_overlay, times},
    by_component::{LINKS, push},
    id::Id,
    incomplete::MARKER,
    linux::number,
    remove::Kept,
    tree::DIRECTORY,
};

/// A directory that serves as the root of a filesystem: paths and symbolic links in it are resolved as
/// if it were `/`, even while others change the tree.
///
/// The kernel does that (`openat2` with `RESOLVE_IN_ROOT`), or where it cannot, a walk by component on
/// directory descriptors does. Magic links, which procfs has, are never followed.
///
/// It is held by a file descriptor, so it stays the same directory if it is renamed.
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    resolver: Resolver,
    descriptors: system::Descriptors,
}

/// What resolves paths in a [`Root`].
///
/// It is detected when the root is opened; both give the same results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resolver {
    /// The kernel, by `openat2`, which Linux has since 5.6.
    Openat2,
    /// A walk by component, for other kernels and for sandboxes that forbid `openat2`.
    ByComponent,
}

impl Root {
    /// Opens a directory.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Self::from_fd(fd, path)
    }

    /// Makes the directory if there is none, and opens it. Its parent must exist.
    ///
    /// # Errors
    /// If it cannot be made, and those of [`open`](Self::open).
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        match rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Self::open(path),
            Err(error) => Err(error.into()),
        }
    }

    /// A directory that is open already, perhaps as a path only (`O_PATH`), and what messages call it.
    ///
    /// # Errors
    /// If it is not a directory or may not be searched.
    pub fn from_fd(fd: OwnedFd, path: impl Into<PathBuf>) -> io::Result<Self> {
        let resolver = match openat2::probe(fd.as_fd()) {
            Ok(()) => Resolver::Openat2,
            // Kernels before 5.6 and gVisor say ENOSYS; seccomp profiles older than the call, EPERM.
            Err(Errno::NOSYS | Errno::PERM) => {
                by_component::open(fd.as_fd(), b".", system::HANDLE, Links::Follow)?;
                Resolver::ByComponent
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { fd, path: path.into(), resolver, descriptors: system::Descriptors::default() })
    }

    /// Sets what resolves paths. With [`Resolver::Openat2`] everything fails on kernels without it.
    #[must_use]
    pub fn with_resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// What resolves paths.
    pub fn resolver(&self) -> Resolver {
        self.resolver
    }

    /// The path that the directory was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root")
            .field("path", &self.path)
            .field("resolver", &self.resolver)
            .finish_non_exhaustive()
    }
}
