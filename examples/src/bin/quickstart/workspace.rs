//! The temporary directory in which everything happens.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use oci_layout::{Durability, Layout, LayoutOptions};
use tempfile::TempDir;

use crate::Result;
use crate::stop::Stop;

pub(crate) struct Workspace {
    directory: TempDir,
    stop: Stop,
}

impl Workspace {
    pub(crate) fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        let directory = tempfile::Builder::new()
            .prefix("oci-quickstart-")
            .tempdir_in(&parent)
            .map_err(|error| {
                format!(
                    "cannot create a temporary directory in `{}`: {}",
                    parent.display(),
                    kind(&error)
                )
            })?;
        Ok(Self { directory, stop: Stop::default() })
    }

    /// Stops the tasks that write to it.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// A path in it.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A new layout in it, not synced to disk: it does not outlive this process.
    pub(crate) fn layout(&self, name: &str) -> Result<Layout> {
        Ok(LayoutOptions::new().durability(Durability::Relaxed).create(self.place(name))?)
    }

    /// Removes it, also with directories that their owner may not change.
    pub(crate) fn remove(self) -> Result<()> {
        let path = self.directory.path().to_owned();
        if self.directory.close().is_err() {
            open_up(&path)
                .and_then(|()| fs::remove_dir_all(&path))
                .map_err(|error| format!("cannot remove `{}`: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// The error of the system, without the path that `tempfile` adds.
fn kind(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.kind().to_string(),
        |code| io::Error::from_raw_os_error(code).to_string(),
    )
}
