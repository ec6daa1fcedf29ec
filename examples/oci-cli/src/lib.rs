//! What the command-line tools share: compressions, names of images, local stores, progress and reports of errors.

pub mod compression;
pub mod image_name;
pub mod local;
pub mod report;
