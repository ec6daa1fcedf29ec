//! The files in which a machine says how its programs ask registries.
//!
//! They are the administrator's word: what they allow, such as `insecure` or `skip_verify`, is done, and what they
//! say and this crate does not understand is an error that names the file and the key. [`Config::from_machine`] reads
//! those of the usual places.
//!
//! [`Config::from_machine`]: crate::Config::from_machine

mod certs;
mod hosts;
mod registries_conf;
mod toml_file;

pub use certs::CertsDir;
pub use hosts::HostsDir;
pub use registries_conf::{RegistriesConf, Source};

/// The longest file that is read, in bytes: 1 MiB.
pub const FILE_LIMIT: u64 = 1 << 20;
