//! What the programs promise.
#![allow(clippy::unwrap_used)]

mod conformance;
mod elf;
mod embed;
mod interop;
mod process_state;
mod quickstart;
