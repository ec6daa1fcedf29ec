//! What users of the crate may rely on.
#![allow(clippy::unwrap_used)]

mod blobs;
mod fixture;
mod garbage;
mod images;
mod index;
mod layout;
