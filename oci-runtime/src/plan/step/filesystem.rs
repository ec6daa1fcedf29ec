//! What the init does to the mount table of the container.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Device, Mount, OpenTree, Propagation};

/// A step that makes the mount table of the container, or a file that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FilesystemStep {
    /// Open a file or directory of the host, as a mount that is attached nowhere yet.
    OpenTree(OpenTree),
    /// Cut or keep the propagation between mounts here and on the host.
    Propagation(Propagation),
    /// Attach the root filesystem.
    Root { tree: usize, path: PathBuf },
    /// Mount one filesystem, directory or file.
    Mount(Mount),
    /// Make a device node.
    Device(Device),
    /// Make a symbolic link below `/dev`.
    Link { path: String, target: String },
    /// Make a directory of the root filesystem, unless it is there.
    MakeDirectory(String),
    /// Set kernel parameters of the container's namespaces.
    Sysctl { key: String, value: String },
    /// Give the filesystem that is mounted on a directory a label of SELinux.
    Label { path: String, context: String },
    /// Hide a path.
    Mask(String),
    /// Make a path read-only.
    ReadOnlyPath(String),
    /// Make the root filesystem read-only.
    ReadOnlyRoot,
    /// Make the root filesystem `/`, and unmount the host's.
    PivotRoot,
    /// Set how mounts of the container propagate.
    RootPropagation(Propagation),
}

impl Display for FilesystemStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenTree(tree) => tree.fmt(f),
            Self::Propagation(propagation) => write!(f, "make all mounts {propagation}"),
            Self::Root { path, .. } => {
                write!(f, "attach the root filesystem at {}", path.display())
            }
            Self::Mount(mount) => mount.fmt(f),
            Self::Device(device) => device.fmt(f),
            Self::Link { path, target } => write!(f, "link {path} to {target}"),
            Self::MakeDirectory(path) => write!(f, "make directory {path} if it is missing"),
            Self::Sysctl { key, value } => write!(f, "set {key} to {value}"),
            Self::Label { path, context } => write!(f, "label {path} {context}"),
            Self::Mask(path) => write!(f, "mask {path}"),
            Self::ReadOnlyPath(path) => write!(f, "make {path} read-only"),
            Self::ReadOnlyRoot => f.write_str("make the root filesystem read-only"),
            Self::PivotRoot => f.write_str("pivot to the root filesystem"),
            Self::RootPropagation(propagation) => write!(f, "make / {propagation}"),
        }
    }
}
