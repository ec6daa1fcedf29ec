//! Layers as streams.

mod accept;
mod generate;
mod limits;
mod oracle;
mod overlay;
mod peers;
mod read;
mod refuse;
mod write;
