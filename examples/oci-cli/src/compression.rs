//! Compressions of layers, as options name them.

use oci_image::layer::Compression;

/// Reads the value of an option such as `--compress`.
///
/// # Errors
/// If it is not `gzip`, `zstd` or `none`.
pub fn parse(word: &str) -> Result<Compression, &'static str> {
    match word {
        "gzip" => Ok(Compression::gzip()),
        "zstd" => Ok(Compression::zstd()),
        "none" => Ok(Compression::none()),
        _ => Err("it is not gzip, zstd or none"),
    }
}
