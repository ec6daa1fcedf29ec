#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - **Documents**: [`Document`] and [`AnyDocument`] are the gate from bytes to a model (`document.rs`); the models are in
//!   `manifest.rs`, `index.rs`, `config.rs`, `descriptor.rs` and `layout_file.rs`, and how JSON is read in [`json`].
//! - **Names**: [`mod@reference`] has tags, repositories and registries; [`MediaType`] and [`annotations`] the names of the specs.
//! - **Which image?** [`platform`], and [`images`] over a place that has several.
//! - **All that belongs to an image**: [`graph`].
//! - **What is wrong with it?** [`validate`]: the linter, a file for each document.
//! - **Layers and tar archives**: `layer`, over [`archive`].
//! - **Making and changing images**: [`build`]; [`docker`] converts to Docker's formats and `compat` to the types of
//!   `oci-spec`.
//! - **Storing**: [`blob`], the traits of stores and their conformance suite.
//! - **The wire**: [`distribution`], what clients and registries both speak.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

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
