//! The command line beside runc's, and under the callers of runc.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod buildah;
mod containerd;
mod descriptors;
mod documents;
mod fixture;
mod killed;
mod life;
mod oracle;
mod podman;
mod processes;
mod terminal;
