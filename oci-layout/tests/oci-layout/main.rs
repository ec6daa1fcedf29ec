//! What users of the crate may rely on.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod acls;
#[cfg(target_os = "linux")]
mod any_layers;
mod archives;
#[cfg(target_os = "linux")]
mod attacks;
mod blobs;
#[cfg(target_os = "linux")]
mod commits;
mod copy;
#[cfg(target_os = "linux")]
mod damage;
#[cfg(target_os = "linux")]
mod docker_archives;
#[cfg(target_os = "linux")]
mod files;
mod fixture;
mod fsck;
#[cfg(target_os = "linux")]
mod full;
mod garbage;
#[cfg(target_os = "linux")]
mod grow;
#[cfg(target_os = "linux")]
mod hostile;
mod images;
mod index;
#[cfg(target_os = "linux")]
mod killed;
mod layout;
mod model;
#[cfg(target_os = "linux")]
mod mount;
#[cfg(target_os = "linux")]
mod overlay;
#[cfg(target_os = "linux")]
mod pack;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod power;
mod processes;
#[cfg(target_os = "linux")]
mod recompress;
#[cfg(target_os = "linux")]
mod tar;
#[cfg(target_os = "linux")]
mod tight;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod unpack;
mod worker;
