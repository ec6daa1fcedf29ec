//! The limit of open descriptors, raised for as long as the init has many mounts open.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::StepError;

/// As many descriptors as a kernel permits that nobody has set up otherwise (`fs.nr_open`).
const MOST: u64 = 1 << 20;

/// The limit as it was before it was raised.
#[derive(Debug, Default)]
pub(crate) struct DescriptorLimit {
    before: Option<Rlimit>,
}

impl DescriptorLimit {
    /// Does what opens a descriptor, once more with a higher limit if there are too many.
    pub(crate) fn retry<T>(
        &mut self,
        open: impl Fn() -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        match open() {
            Err(error) if error.errno == Some(Errno::MFILE.raw_os_error()) && self.raise() => {
                open()
            }
            result => result,
        }
    }

    /// Raises the limit as far as this process may. False: it was raised before.
    fn raise(&mut self) -> bool {
        if self.before.is_some() {
            return false;
        }
        let before = getrlimit(Resource::Nofile);
        self.before = Some(before);
        let most = Rlimit { current: Some(MOST), maximum: Some(MOST) };
        let hard = Rlimit { current: before.maximum, maximum: before.maximum };
        setrlimit(Resource::Nofile, most).or_else(|_| setrlimit(Resource::Nofile, hard)).is_ok()
    }

    /// Sets the limit as it was: the program of the container inherits it.
    pub(crate) fn restore(&mut self) -> Result<(), StepError> {
        self.before.take().map_or(Ok(()), |before| Ok(setrlimit(Resource::Nofile, before)?))
    }
}
