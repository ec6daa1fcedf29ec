#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod annotations;
pub mod archive;
pub mod blob;
pub mod build;
#[cfg(feature = "oci-spec")]
pub mod compat;
pub mod distribution;
pub mod docker;
pub mod graph;
pub mod images;
pub mod json;
#[cfg(feature = "layers")]
pub mod layer;
pub mod platform;
pub mod reference;
pub mod validate;

mod config;
mod descriptor;
mod document;
mod index;
mod layout_file;
mod manifest;
mod media_type;

pub use config::{Config, ExecutionConfig, Healthcheck, History, RootFs};
pub use descriptor::{Descriptor, EmbeddedError};
pub use document::{AnyDocument, Document, DocumentError, Model, ModelError};
pub use index::Index;
pub use layout_file::LayoutFile;
pub use manifest::Manifest;
pub use media_type::MediaType;
pub use oci_digest::{self, Algorithm, Digest};
pub use platform::{Architecture, Os, Platform, PlatformError};
pub use reference::{Reference, RepositoryName, Tag, TagOrDigest};
pub use validate::{Finding, Findings, Level, Lint};
