//! The table of what the specs require and which test proves it.

mod marks;
mod table;

pub use marks::{Mark, marks};
pub use table::{Requirement, TableError, requirements, table};
