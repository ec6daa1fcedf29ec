//! The registry, asked over HTTP by a client that is none of ours.
#![allow(clippy::unwrap_used, dead_code)]

mod client;
mod pull;
