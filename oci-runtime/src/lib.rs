#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod spec;

pub use spec::{Features, Spec, State};
