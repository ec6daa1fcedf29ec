//! What the programs promise.

mod conformance;
mod elf;
mod image_name;
mod inspect;
