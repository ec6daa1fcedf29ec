//! What the programs that compare have in common: contests of commands, taking turns.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

pub mod contest;
pub mod measure;
mod table;
