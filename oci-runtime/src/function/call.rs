//! The functions of a program, and what they are called with.

/// What a function that is the process of a container is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionCall {
    /// What [`Bundle::function`](crate::Bundle::function) or [`Exec::function`](crate::Exec::function) was given.
    pub input: Vec<u8>,
    /// `process.args` of the specification, which may be empty.
    pub arguments: Vec<String>,
    /// `process.env`, and `HOME` where it has none. The environment of the process itself is empty.
    pub environment: Vec<String>,
}

/// A function that can be the process of a container. What it returns is the exit status of the process.
pub type Function = fn(FunctionCall) -> u8;

/// Functions by their names.
pub(crate) type Functions<'a> = &'a [(&'a str, Function)];
