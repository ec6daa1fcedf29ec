use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use oci_image::layer::{Codec, Decoder, Limits};

/// The archive as it is, or a temporary file without a name that holds it uncompressed.
pub(super) fn uncompressed(file: File) -> io::Result<File> {
    let mut start = [0; Codec::START];
    let length = file.read_at(&mut start, 0)?;
    if Codec::detect(start.get(..length).unwrap_or_default()) == Codec::None {
        return Ok(file);
    }
    let mut decoder = Decoder::detect(file, &Limits::default())?;
    let mut temporary = tempfile::tempfile()?;
    io::copy(&mut decoder, &mut temporary)?;
    Ok(temporary)
}
