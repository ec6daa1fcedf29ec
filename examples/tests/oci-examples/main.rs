//! What the programs promise.
#![allow(clippy::unwrap_used)]

mod elf;
mod embed;
mod interop;
mod one_idea;
mod process_state;
mod quickstart;
