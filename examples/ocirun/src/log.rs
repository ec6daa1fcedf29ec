//! Log lines, as runc writes them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::Result;

/// Where log lines go, and how.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// None: to standard error.
    file: Option<File>,
    format: Format,
    pub(crate) debug: bool,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

impl std::str::FromStr for Format {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(io::Error::other("it is neither text nor json")),
        }
    }
}

impl Log {
    pub(crate) fn new(path: Option<&Path>, format: Format) -> Result<Self> {
        let open = |path: &Path| {
            let mut options = File::options();
            options
                .append(true)
                .create(true)
                .open(path)
                .map_err(|error| format!("cannot open log `{}`: {error}", path.display()))
        };
        Ok(Self { file: path.map(open).transpose()?, format, debug: false })
    }

    /// Reports an error, on standard error too.
    pub(crate) fn error(&self, text: &str) {
        self.write("error", text);
        if self.file.is_some() {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Writes a warning, to a file or with `--debug`: what the container prints is on standard error, too.
    pub(crate) fn warning(&self, text: &str) {
        if self.file.is_some() || self.debug {
            self.write("warning", text);
        }
    }

    pub(crate) fn debug(&self, text: &str) {
        if self.debug {
            self.write("debug", text);
        }
    }

    fn write(&self, level: &str, text: &str) {
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let line = match self.format {
            Format::Text => format!("time=\"{time}\" level={level} msg={}\n", json!(text)),
            Format::Json => {
                let (level, msg, time) = (json!(level), json!(text), json!(time.to_string()));
                format!("{{\"level\":{level},\"msg\":{msg},\"time\":{time}}}\n")
            }
        };
        // In one write: others append to the same file. Nobody is there to be told that the log cannot be written.
        let _ = match &self.file {
            Some(file) => (&mut &*file).write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        };
    }
}
