//! Layers as streams.

mod archive;
mod read;
