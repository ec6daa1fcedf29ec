//! Errors, in the words by which the callers of a runtime know them.

use std::error::Error as StdError;
use std::fmt;

use oci_runtime::{Error, ErrorKind};

/// Not an error: the usage was asked for.
#[derive(Debug)]
pub(crate) struct Help;

/// Not an error: the version was asked for.
#[derive(Debug)]
pub(crate) struct Version;

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the usage was asked for")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the version was asked for")
    }
}

impl StdError for Help {}
impl StdError for Version {}

/// What is reported of a command that failed.
pub(crate) fn text(command: &str, error: &(dyn StdError + 'static)) -> String {
    let reason = match error.downcast_ref::<Error>() {
        // Callers look for these words in order to tell that nothing is left to be done.
        Some(error) if error.kind() == ErrorKind::NotFound => "container does not exist".into(),
        Some(error) if error.kind() == ErrorKind::State && command == "kill" => {
            format!("container not running: {error:#}")
        }
        Some(error) => format!("{error:#}"),
        None => error.to_string(),
    };
    let reason = reason.replace('\n', "; ");
    match command {
        "create" | "run" => format!("ocirun {command} failed: {reason}"),
        "exec" => format!("exec failed: {reason}"),
        _ => reason,
    }
}
