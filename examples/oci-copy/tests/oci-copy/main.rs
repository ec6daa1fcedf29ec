//! What `oci-copy` promises.
#![allow(clippy::unwrap_used)]

mod artifact;
mod images;
mod interrupt;
mod jobs;
mod local;
mod login;
mod options;
mod readme;
mod registry;
mod screen;
mod sync;
mod tls;
mod unpack;

use std::process::Command;

use oci_testing::program::{Done, run_with};

/// Runs `oci-copy` without the logins and proxies of whoever runs the test.
fn oci_copy(arguments: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oci-copy"));
    command.args(arguments).env_clear();
    run_with(command.env("NO_PROXY", "*"))
}
