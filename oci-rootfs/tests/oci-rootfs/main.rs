//! What users of the crate may rely on.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod acls;
mod any_layers;
mod attacks;
mod files;
mod grow;
mod hostile;
mod overlay;
mod pack;
mod repack;
mod root;
mod sparse;
mod tight;
mod tree;
mod unpack;
