//! A function of this program as the process of the container.

use std::ffi::CString;
use std::io::Write;
use std::panic::catch_unwind;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::error::StepError;
use super::steps::Init;
use crate::function::{CalledFunction, FunctionCall};
use crate::sys;

/// The exit status of a function that panicked, as of a program of Rust.
const PANICKED: u8 = 101;

impl Init<'_> {
    pub(super) fn find_function(&mut self, name: &str) -> Result<(), StepError> {
        let found = self.functions.iter().find(|(other, _)| *other == name);
        let (_, function) = found.ok_or_else(|| {
            StepError::new("the init has none of this name: pass it to `oci_runtime::init_with`")
        })?;
        self.function = Some(*function);
        sys::descriptors::close_from_on_exec(3)?;
        self.preserved.release()
    }

    /// Calls the function that was looked up. Returns only if that fails.
    pub(super) fn call(
        &mut self,
        function: &CalledFunction,
        arguments: &[String],
        environment: &[String],
    ) -> Result<(), StepError> {
        let called = self.function.ok_or_else(|| StepError::new("no function was looked up"))?;
        let call = FunctionCall {
            input: function.input.clone(),
            arguments: arguments.to_vec(),
            environment: environment.iter().cloned().chain(self.home.take()).collect(),
        };
        let name: String = function.name.chars().filter(|char| *char != '\0').collect();
        // There is no exec that would do it: who looks sees the function's name, and what is open of the host is closed,
        // the socket too, by which the launching process learns that the function runs.
        rustix::thread::set_name(&CString::new(name).unwrap_or_default())?;
        sys::descriptors::close_from(self.preserved.end())?;
        // As exec leaves it: else `/proc/self` is not the user's own, and with it `/dev/stdout`. Not before: other processes
        // of the container may look into this one from here on (CVE-2016-9962).
        let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
        let status = catch_unwind(|| called(call)).unwrap_or(PANICKED);
        let _ = std::io::stdout().flush();
        sys::clone::leave(status.into())
    }
}
