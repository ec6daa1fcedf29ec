//! The program of the README's first command.

mod bad_input;
mod fixture;
mod run;
