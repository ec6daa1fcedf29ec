//! Why a specification cannot be carried out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason why a specification cannot be carried out on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pointer: String,
    reason: String,
}

impl Refusal {
    pub(crate) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason: reason.into() }
    }

    /// The JSON pointer of what is refused, like `/linux/namespaces/2`.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Why, in plain words.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.pointer, self.reason)
    }
}

/// Every reason why a specification cannot be carried out on a host: at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals(Vec<Refusal>);

impl Refusals {
    pub(crate) fn new(refusals: Vec<Refusal>) -> Self {
        Self(refusals)
    }

    /// The reasons, in the order of the plan that they prevent.
    pub fn iter(&self) -> std::slice::Iter<'_, Refusal> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Refusals {
    type Item = &'a Refusal;
    type IntoIter = std::slice::Iter<'a, Refusal>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line: "cannot carry out the specification: `POINTER`: REASON; …".
impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot carry out the specification")?;
        for (index, refusal) in self.0.iter().enumerate() {
            write!(f, "{} {refusal}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusals {}
