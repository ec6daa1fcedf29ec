//! One more program for a container, and how it is added.

use crate::function::CalledFunction;
use crate::spec;

/// One more program for [`Container::exec`](crate::Container::exec), and how it is added to the container.
///
/// Made of a [`spec::Process`], which is enough for most.
///
/// ```no_run
/// use oci_runtime::{Exec, Runtime, Stdio, spec::Process};
///
/// let container = Runtime::open("/run/my-tool")?.container("web-1")?;
/// let mut process = Process::new("/".into());
/// process.args = vec!["/bin/true".into()];
/// let exec = Exec::new(process).even_if_paused();
/// container.exec(exec, Stdio::null())?.wait()?;
/// # Ok::<(), oci_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    pub(crate) process: spec::Process,
    pub(crate) parent: Parent,
    pub(crate) even_if_paused: bool,
    pub(crate) function: Option<CalledFunction>,
}

/// What waits for a process that is added to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// A process of this crate, which ends like it.
    Supervisor,
    /// The caller, or what the kernel gives the caller's children to.
    Caller,
}

impl Exec {
    /// What `process` says.
    pub fn new(process: spec::Process) -> Self {
        Self { process, parent: Parent::Supervisor, even_if_paused: false, function: None }
    }

    /// Has a function of the program that becomes the init be the process, as with
    /// [`Bundle::function`](crate::Bundle::function).
    #[must_use]
    pub fn function(mut self, name: impl Into<String>, input: impl Into<Vec<u8>>) -> Self {
        self.function = Some(CalledFunction { name: name.into(), input: input.into() });
        self
    }

    /// The process becomes a child of the caller itself, and when the caller ends, of the caller's nearest subreaper: for a
    /// program that another one waits for by the number of the process, such as a runtime under conmon or a containerd
    /// shim.
    ///
    /// Without this its parent is a process between, so that nothing is left of it when the handle is dropped. With it,
    /// dropping the handle leaves it to wait for, and one that nobody waits for keeps the container from ending.
    #[must_use]
    pub fn as_own_child(mut self) -> Self {
        self.parent = Parent::Caller;
        self
    }

    /// Also in a container that is paused: the process waits, and so does the call, until the container is resumed.
    #[must_use]
    pub fn even_if_paused(mut self) -> Self {
        self.even_if_paused = true;
        self
    }
}

impl From<spec::Process> for Exec {
    fn from(process: spec::Process) -> Self {
        Self::new(process)
    }
}
