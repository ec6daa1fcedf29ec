//! The init of containers as a program of its own, for launchers that are not to be copied into memory whole.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    oci_runtime::init();
    // Whoever runs it by hand gets no container.
    ExitCode::from(2)
}
