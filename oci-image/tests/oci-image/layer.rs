//! Layers as streams.

mod accept;
mod archive;
mod generate;
mod limits;
mod oracle;
mod overlay;
mod peers;
mod read;
mod refuse;
mod write;
