use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use oci_cli::report::tell;
use oci_registry::Decision;
use serde_json::json;

/// Writes a line of JSON for each decision on a request. None is left out: what cannot be written is reported.
pub(crate) struct Audit {
    path: PathBuf,
    file: Mutex<File>,
}

impl Audit {
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(open(&path)?), path })
    }

    /// Writes to the file that is at its path now: the other one was moved away.
    pub(crate) fn reopen(&self) {
        match open(&self.path) {
            Ok(file) => *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file,
            Err(error) => tell(format_args!(
                "oci-serve: cannot open the audit log `{}` again: {error}",
                self.path.display()
            )),
        }
    }

    pub(crate) fn add(&self, it: &Decision<'_>) {
        let line = json!({
            "time": Timestamp::now().to_string(),
            "user": it.caller.user,
            "peer": it.caller.peer.map(|peer| peer.to_string()),
            "method": it.method.as_str(),
            "path": it.path,
            "repository": it.access.map(|access| access.repository.as_str()),
            "action": it.access.map(|access| access.action.name()),
            "allowed": it.denied.is_none(),
            "reason": it.denied.map(ToString::to_string),
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write, so that no line is torn.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tell(format_args!("oci-serve: cannot write to the audit log: {error}: {line}"));
        }
    }
}

/// It names users and what they have: only their operator reads it.
fn open(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
