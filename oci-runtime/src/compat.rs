//! Conversions between these models and those of other crates.

pub mod oci_spec_0_10;
