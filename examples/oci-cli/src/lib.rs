//! What the command-line tools share: changes of a config, compressions, treatments of devices, names of images,
//! directories with an image, local stores, progress, what is unpacked, and reports of errors.

pub mod compression;
pub mod config_change;
pub mod devices;
pub mod directory;
pub mod image_name;
pub mod local;
pub mod report;
pub mod unpacking;
