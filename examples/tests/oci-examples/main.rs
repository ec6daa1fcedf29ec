//! What the programs promise.
#![allow(clippy::unwrap_used)]

mod conformance;
mod elf;
mod embed;
mod image_name;
mod inspect;
mod interop;
mod oracles;
mod pack;
mod process_state;
mod program;
mod quickstart;
mod store;
mod tree;
mod umoci;
mod unpack;
