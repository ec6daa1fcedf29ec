//! What happens to a container, as a stream.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::io::Errno;

use crate::cgroup::MemoryWatch;
use crate::wait::until_ended;
use crate::{Container, ContainerId, Error, ErrorKind};

/// Something that happens to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Memory ran out: the processes reached their limit, and the kernel kills one of them or, where it is told not to, has
    /// them wait. Several at once are one event.
    OutOfMemory,
    /// The program has ended. It is the last event.
    Exited,
}

/// What happens to a container from [`Container::events`] on: a blocking iterator that ends with [`Event::Exited`].
///
/// A program that waits for other things, too, polls the descriptor, which is readable when
/// [`try_next`](Self::try_next) has something.
///
/// ```no_run
/// use oci_runtime::{Event, Runtime};
///
/// let container = Runtime::open("/run/my-tool")?.container("web-1")?;
/// for event in container.events()? {
///     match event? {
///         Event::OutOfMemory => eprintln!("web-1 needs more memory"),
///         Event::Exited => eprintln!("web-1 has ended"),
///         _ => {}
///     }
/// }
/// # Ok::<(), oci_runtime::Error>(())
/// ```
#[derive(Debug)]
pub struct Events {
    container: ContainerId,
    process: OwnedFd,
    memory: Option<MemoryWatch>,
    /// Readable when one of the others is.
    any: OwnedFd,
    is_over: bool,
}

impl Container {
    /// Begins to watch the container. Without a cgroup that counts memory, its end is the only event.
    ///
    /// # Errors
    /// If the container was deleted, or the kernel lets nothing more be watched.
    pub fn events(&self) -> Result<Events, Error> {
        let doing = || format!("watch container `{}`", self.id());
        let memory = self.record()?.cgroup.watch_memory();
        let memory = memory.map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
        let open = || {
            let process = self.as_fd().try_clone_to_owned()?;
            let any = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            let watched = memory.iter().map(AsFd::as_fd).chain([process.as_fd()]);
            for (index, fd) in (0..).zip(watched) {
                epoll::add(&any, fd, epoll::EventData::new_u64(index), epoll::EventFlags::IN)?;
            }
            Ok::<_, std::io::Error>((process, any))
        };
        let (process, any) = open().map_err(Error::system(doing()))?;
        Ok(Events { container: self.id().clone(), process, memory, any, is_over: false })
    }
}

impl Events {
    /// The next event, if it has happened already; nothing after [`Event::Exited`].
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn try_next(&mut self) -> Result<Option<Event>, Error> {
        if self.is_over {
            return Ok(None);
        }
        // Asked first: memory may have run out until the program ended, and that is told before its end.
        let has_ended = until_ended(self.process.as_fd(), Some(Duration::ZERO))
            .map_err(Error::system(self.doing()))?;
        if self.memory.as_mut().is_some_and(MemoryWatch::ran_out) {
            return Ok(Some(Event::OutOfMemory));
        }
        self.is_over = has_ended;
        Ok(has_ended.then_some(Event::Exited))
    }

    fn doing(&self) -> String {
        format!("watch container `{}`", self.container)
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            if let Some(event) = self.try_next().transpose() {
                return Some(event);
            }
            match poll(&mut [PollFd::new(&self.any, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Some(Err(Error::system(self.doing())(error))),
            }
        }
        None
    }
}

/// Readable when there is an event.
impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }
}
