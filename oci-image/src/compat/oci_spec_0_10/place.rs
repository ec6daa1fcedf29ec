use std::fmt;

use crate::json::pointer;

/// A step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Member(String),
    Element(usize),
}

/// The way to a value in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) Vec<Step>);

impl Place {
    pub(super) fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes into a value, does something there and comes back.
    pub(super) fn within<R>(&mut self, step: Step, visit: impl FnOnce(&mut Self) -> R) -> R {
        self.0.push(step);
        let result = visit(self);
        self.0.pop();
        result
    }
}

/// As a JSON pointer (RFC 6901).
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Member(name) => write!(f, "/{}", pointer::step(name))?,
                Step::Element(index) => write!(f, "/{index}")?,
            }
        }
        Ok(())
    }
}
