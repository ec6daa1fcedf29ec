//! What the client promises, against the embedded registry and against servers that misbehave.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod fake;
mod fixture;
mod leaks;
mod round_trip;
