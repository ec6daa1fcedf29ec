//! Functions of the init's own program, in place of a program of the root filesystem.

#[cfg(target_os = "linux")]
mod call;

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub(crate) use call::Functions;
#[cfg(target_os = "linux")]
pub use call::{Function, FunctionCall};

/// The longest input of a function, in bytes. What is longer goes by a descriptor.
pub(crate) const INPUT_LIMIT: usize = 1 << 20;

/// A function that is called, by the name that it has in its program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalledFunction {
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
}
