//! The wire models of the runtime specification, for every platform.
//!
//! They read strictly and lose nothing, as the models of `oci-image` do: unknown members, the
//! spelling of their numbers, and `null` and empty lists come back as they were read. Words that the
//! spec may add to ([`linux::NamespaceType`], [`Status`], …) are enums with an `Other`, so one new
//! word refuses no document.

#[macro_use]
mod open;

pub mod features;
pub mod freebsd;
pub mod linux;
pub mod solaris;
pub mod vm;
pub mod windows;
pub mod zos;

mod builder;
mod capabilities;
mod config;
mod container_process_state;
mod conversion;
#[cfg(target_os = "linux")]
mod from_image;
mod hooks;
mod id_mapping;
mod image_user;
mod lint;
mod linux_default;
mod mount;
mod process;
mod rlimit;
mod root;
mod rootless;
mod scheduler;
mod state;
mod user;
mod users;

pub use capabilities::{Capabilities, Capability};
pub use config::Spec;
pub use container_process_state::ContainerProcessState;
pub use conversion::{Conversion, ConversionError};
pub use features::Features;
pub use freebsd::FreeBsd;
#[cfg(target_os = "linux")]
pub use from_image::FromImageError;
pub use hooks::{Hook, Hooks};
pub use id_mapping::IdMapping;
pub use image_user::{ImageUser, ImageUserError};
pub(crate) use lint::version::Version;
pub use linux::Linux;
pub use mount::Mount;
pub use process::{ConsoleSize, ExecCpuAffinity, Process};
pub use rlimit::{Rlimit, RlimitType};
pub use root::Root;
pub use rootless::Rootless;
pub use scheduler::{IoPriority, IoPriorityClass, Scheduler, SchedulerFlag, SchedulerPolicy};
pub use solaris::Solaris;
pub use state::{State, Status};
pub use user::User;
pub use users::{Users, UsersError};
pub use vm::Vm;
pub use windows::Windows;
pub use zos::Zos;
