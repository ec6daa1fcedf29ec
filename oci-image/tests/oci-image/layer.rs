//! Layers as streams.

mod accept;
mod generate;
mod limits;
mod oracle;
mod overlay;
mod peers;
mod read;
#[cfg(target_os = "linux")]
mod readings;
mod refuse;
mod write;
