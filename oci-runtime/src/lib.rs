#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - **What the specification says**: [`spec`], the models and their linter, on every platform; conversions of images in
//!   [`spec::Conversion`].
//! - **What will be done**: [`Plan::new`], from a [`Bundle`] and a [`Host`]. In the source, `plan/` has a file for each
//!   part of a specification (`mounts.rs`, `namespaces.rs`, `identity.rs`, `cgroup/limits.rs`, …), and `plan/step/` the
//!   steps.
//! - **Doing it**: [`Runtime`], [`Container`] and [`Process`]; in the source, `launch.rs` is the process that asks, and
//!   `init/` the one that becomes the container.
//! - **The kernel's interfaces**: `cgroup/`, `seccomp/` and, the only unsafe code, `sys/`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod bundle;
#[cfg(feature = "oci-spec")]
pub mod compat;
mod container_id;
mod error;
mod format;
mod function;
mod host;
mod plan;
mod refusal;
mod seccomp;
pub mod spec;
pub mod stats;

#[cfg(all(target_os = "linux", feature = "tokio"))]
mod asynchronous;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod container;
#[cfg(target_os = "linux")]
mod deadline;
#[cfg(target_os = "linux")]
mod driver;
#[cfg(target_os = "linux")]
mod events;
#[cfg(target_os = "linux")]
mod exec;
#[cfg(target_os = "linux")]
mod file_size;
#[cfg(target_os = "linux")]
mod hooks;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod launch;
#[cfg(target_os = "linux")]
mod launcher;
#[cfg(target_os = "linux")]
mod memory_file;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod record;
#[cfg(target_os = "linux")]
mod runtime;
#[cfg(target_os = "linux")]
mod runtime_steps;
#[cfg(target_os = "linux")]
mod signal;
#[cfg(target_os = "linux")]
mod spawn;
#[cfg(target_os = "linux")]
mod standard_error;
#[cfg(target_os = "linux")]
mod stdio;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod sys;
#[cfg(all(target_os = "linux", feature = "tracing"))]
mod trace;
#[cfg(all(target_os = "linux", not(feature = "tracing")))]
#[path = "trace/off.rs"]
mod trace;
#[cfg(target_os = "linux")]
mod wait;
#[cfg(target_os = "linux")]
mod wire;

pub use bundle::Bundle;
pub use container_id::{ContainerId, ContainerIdError};
pub use error::{Error, ErrorKind};
pub use host::{CgroupDriver, Host};
pub use plan::Plan;
pub use refusal::{Refusal, Refusals};
pub use spec::{Features, Spec, State};

#[cfg(all(target_os = "linux", feature = "tokio"))]
pub use asynchronous::AsyncPipes;
#[cfg(target_os = "linux")]
pub use {
    container::Container,
    driver::{DrivenContainer, DrivenProcess, Driver},
    events::{Event, Events},
    exec::Exec,
    function::{Function, FunctionCall},
    init::{init, init_with},
    launcher::Launcher,
    process::Process,
    runtime::Runtime,
    signal::{Signal, SignalError},
    stdio::{Pipes, Stdio},
};
