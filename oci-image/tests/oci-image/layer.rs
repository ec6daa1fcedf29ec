//! Layers as streams.

mod archive;
mod generate;
mod read;
mod write;
