//! What is unpacked, while it is and at the end.

use std::fmt;

use oci_rootfs::unpack::{self, Progress, Unpacked};

use crate::report::{Bytes, Step};

/// What was unpacked, in words.
#[derive(Debug)]
pub struct Done<'a>(pub &'a Unpacked);

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unpacked { changes, bytes, devices_left_out, xattrs_left_out, .. } = self.0;
        write!(f, "{changes} files, {}", Bytes(*bytes))?;
        match devices_left_out {
            0 => {}
            1 => f.write_str(", 1 device left out")?,
            some => write!(f, ", {some} devices left out")?,
        }
        match xattrs_left_out {
            0 => Ok(()),
            1 => f.write_str(", 1 extended attribute left out"),
            some => write!(f, ", {some} extended attributes left out"),
        }
    }
}

/// Moves a bar as blobs are read.
pub fn progress(step: &mut Step, bytes: u64) -> Progress {
    let bar = step.bar(bytes);
    Progress::new(move |step| {
        if let unpack::Step::Read(bytes) = step {
            bar.inc(bytes);
        }
    })
}
