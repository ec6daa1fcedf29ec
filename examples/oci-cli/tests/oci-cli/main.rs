//! What the tools rely on.
#![allow(clippy::unwrap_used)]

mod image_name;
mod report;
