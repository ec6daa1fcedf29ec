//! What a program writes to its standard error, kept in memory for the error that tells of its failure.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::Stdio;

use crate::memory_file;

/// Of what a program wrote, this many bytes at the beginning are reported.
const MAX_REPORTED: u64 = 1024;

/// The standard error of a program. A file, and no pipe: a program that writes much does not block.
#[derive(Debug)]
pub(crate) struct StandardError(File);

impl StandardError {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(memory_file::create("errors")?))
    }

    /// For the program.
    pub(crate) fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.0.try_clone()?.into())
    }

    /// What was written, as the end of a sentence; nothing if nothing was.
    pub(crate) fn saying(mut self) -> String {
        let mut text = Vec::new();
        let _ = self.0.rewind().and_then(|()| self.0.take(MAX_REPORTED).read_to_end(&mut text));
        match String::from_utf8_lossy(&text).trim() {
            "" => String::new(),
            text => format!(", saying `{}`", text.replace('\n', "; ")),
        }
    }
}
