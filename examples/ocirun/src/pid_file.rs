//! Files that tell a caller the number of a process.

use std::fs;
use std::path::Path;

use crate::Result;

/// Writes the number, so that a reader finds all of it or no file.
pub(crate) fn write(path: &Path, pid: i64) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}"));
    fs::write(&new, pid.to_string())
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| format!("cannot write pid file `{}`: {error}", path.display()).into())
}
