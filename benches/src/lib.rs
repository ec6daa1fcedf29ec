//! What the programs that compare have in common: their command line, and contests of commands that take turns.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

pub mod arguments;
pub mod contest;
pub mod measure;
mod table;
