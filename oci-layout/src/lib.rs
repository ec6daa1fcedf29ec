#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod blob;
mod error;
mod files;
mod gc;
mod image;
mod index;
mod layout;
mod lock;
mod options;
mod put;
mod resolve;
mod select;
mod session;
mod walk;

pub use error::{Error, ErrorKind};
pub use gc::Garbage;
pub use image::Image;
pub use index::{Entry, INDEX_LIMIT};
pub use layout::Layout;
pub use options::{Durability, LayoutOptions, Reuse};
pub use put::Stored;
pub use walk::{DEPTH_LIMIT, DOCUMENT_COUNT_LIMIT, Node, Walk};
