//! Reading and linting documents by the name of their kind.

mod batch;
mod kind;

pub use batch::batch;
pub use kind::{Inspected, Kind, UnknownKind};
