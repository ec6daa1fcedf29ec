//! Layers as streams.

mod accept;
mod archive;
mod generate;
mod limits;
mod oracle;
mod overlay;
mod read;
mod refuse;
mod write;
