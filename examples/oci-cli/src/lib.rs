//! What the command-line tools share: names of images, local stores, progress and reports of errors.

pub mod image_name;
pub mod local;
pub mod report;
