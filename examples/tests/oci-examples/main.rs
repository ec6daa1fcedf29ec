//! What the programs promise.

mod elf;
mod image_name;
mod inspect;
