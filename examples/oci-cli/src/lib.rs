//! What the command-line tools share: changes of a config, compressions, names of images, local stores, progress and reports of errors.

pub mod compression;
pub mod config_change;
pub mod image_name;
pub mod local;
pub mod report;
