//! What users of the crate may rely on.
#![allow(clippy::unwrap_used)]

mod archives;
#[cfg(target_os = "linux")]
mod attacks;
mod blobs;
mod fixture;
mod garbage;
#[cfg(target_os = "linux")]
mod grow;
mod images;
mod index;
mod layout;
#[cfg(target_os = "linux")]
mod overlay;
#[cfg(target_os = "linux")]
mod pack;
mod processes;
#[cfg(target_os = "linux")]
mod tar;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod unpack;
mod worker;
