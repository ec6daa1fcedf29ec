//! What the programs promise.
#![allow(clippy::unwrap_used)]

mod conformance;
mod elf;
mod image_name;
mod inspect;
mod pack;
mod program;
mod tree;
