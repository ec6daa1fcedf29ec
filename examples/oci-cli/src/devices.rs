//! How devices are treated, by its word on command lines.

use oci_rootfs::unpack::Devices;

/// The treatment of this name.
///
/// # Errors
/// If there is none.
pub fn parse(word: &str) -> Result<Devices, &'static str> {
    match word {
        "make" => Ok(Devices::Make),
        "skip" => Ok(Devices::Skip),
        "placeholder" => Ok(Devices::Placeholder),
        _ => Err("it is not make, skip or placeholder"),
    }
}
