//! What users of the crate may rely on.
#![allow(clippy::unwrap_used)]

mod archives;
mod artifact;
mod blobs;
#[cfg(target_os = "linux")]
mod commits;
mod copy;
#[cfg(target_os = "linux")]
mod damage;
#[cfg(target_os = "linux")]
mod docker_archives;
#[cfg(target_os = "linux")]
mod edit;
#[cfg(feature = "tracing")]
mod events;
mod fixture;
#[cfg(target_os = "linux")]
mod formats;
mod fsck;
#[cfg(target_os = "linux")]
mod full;
mod garbage;
mod images;
mod index;
#[cfg(target_os = "linux")]
mod killed;
mod layout;
mod model;
mod partials;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod power;
mod processes;
#[cfg(target_os = "linux")]
mod recompress;
mod worker;
