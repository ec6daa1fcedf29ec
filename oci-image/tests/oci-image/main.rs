//! What the crate promises.

mod json;
