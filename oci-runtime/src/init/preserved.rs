//! Descriptors of the caller that the program gets.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use super::error::StepError;

/// The number of the first, after standard input, output and error.
const FIRST: RawFd = 3;

/// The descriptors that the program gets, at their numbers.
#[derive(Debug, Default)]
pub(crate) struct Preserved(Vec<OwnedFd>);

impl Preserved {
    /// Moves descriptors to the numbers from 3 on, and the socket out of their way.
    ///
    /// They came first in their message, to a process that had nothing open but 0 to 2 and the socket at 3: each is one
    /// above its number, which the one before it has left.
    pub(crate) fn place(
        socket: OwnedFd,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(OwnedFd, Self), StepError> {
        if descriptors.is_empty() {
            return Ok((socket, Self::default()));
        }
        let above = RawFd::try_from(descriptors.len()).unwrap_or(RawFd::MAX).saturating_add(FIRST);
        let moved = fcntl_dupfd_cloexec(&socket, above)?;
        drop(socket);
        let mut placed = Vec::new();
        for (number, descriptor) in (FIRST..).zip(descriptors) {
            let copy = fcntl_dupfd_cloexec(&descriptor, number)?;
            if copy.as_raw_fd() != number {
                return Err(StepError::new(format!("descriptor {number} is in use")));
            }
            placed.push(copy);
        }
        Ok((moved, Self(placed)))
    }

    /// The number after the last of them.
    pub(crate) fn end(&self) -> RawFd {
        RawFd::try_from(self.0.len()).unwrap_or(RawFd::MAX).saturating_add(FIRST)
    }

    /// Lets exec keep them.
    pub(crate) fn release(&self) -> Result<(), StepError> {
        self.set_flags(FdFlags::empty())
    }

    /// Has exec close them: a hook gets none.
    pub(crate) fn hold(&self) -> Result<(), StepError> {
        self.set_flags(FdFlags::CLOEXEC)
    }

    fn set_flags(&self, flags: FdFlags) -> Result<(), StepError> {
        Ok(self.0.iter().try_for_each(|descriptor| fcntl_setfd(descriptor, flags))?)
    }
}
