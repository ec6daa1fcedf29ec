use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::error::{Error, ErrorKind};
use crate::transport::BoxFuture;

/// Tells jobs that one of them failed, or that the caller aborts them, so that they end in an orderly way.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Ends them.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }

    /// What `future` gives, or `None` if it is to stop first.
    /// `future` may be dropped where it stands.
    pub(crate) async fn unless_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut stopped = self.0.subscribe();
        let stopped = pin!(stopped.wait_for(|is_stopped| *is_stopped));
        match select(pin!(future), stopped).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }
}

/// Gives `work` this time, if there is a limit to it. Then it is stopped, which it heeds, and fails with what `late` says.
pub(crate) async fn within<T>(
    deadline: Option<Duration>,
    stop: &Stop,
    work: impl Future<Output = Result<T, Error>>,
    late: impl FnOnce(Duration) -> Error,
) -> Result<T, Error> {
    let Some(deadline) = deadline else { return work.await };
    until(tokio::time::sleep(deadline), stop, work, || late(deadline)).await
}

/// Drives `work` until `signal` ends. Then it is stopped, which it heeds, and fails with what `ended` says.
async fn until<T>(
    signal: impl Future<Output = ()>,
    stop: &Stop,
    work: impl Future<Output = Result<T, Error>>,
    ended: impl FnOnce() -> Error,
) -> Result<T, Error> {
    match select(pin!(work), pin!(signal)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), work)) => {
            stop.stop();
            work.await.map_err(|_| ended())
        }
    }
}

/// What aborts work when it ends, such as the signal of Ctrl-C.
///
/// In a mutex so that what has one is shared while it is planned; it is never locked.
pub(crate) struct Abort<'a>(Mutex<Option<BoxFuture<'a, ()>>>);

impl<'a> Abort<'a> {
    pub(crate) fn never() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn when(signal: impl Future<Output = ()> + Send + 'a) -> Self {
        Self(Mutex::new(Some(Box::pin(signal))))
    }

    pub(crate) fn take(&mut self) -> Option<BoxFuture<'a, ()>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Drives `work`, which does `action`, until `signal` ends, if there is one. Then it is stopped, which it heeds, and is an
/// error of kind [`Aborted`](ErrorKind::Aborted).
pub(crate) async fn unless_aborted<T>(
    signal: Option<BoxFuture<'_, ()>>,
    stop: &Stop,
    work: impl Future<Output = Result<T, Error>>,
    action: &str,
) -> Result<T, Error> {
    let aborted = || Error::new(ErrorKind::Aborted, action).because("it was aborted");
    match signal {
        Some(signal) => until(signal, stop, work, aborted).await,
        None => work.await,
    }
}

/// How many blobs are moved at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Jobs {
    /// Four, or sixteen where they are [small](SMALL): of these, most of the time is spent waiting for answers.
    #[default]
    BySize,
    /// As many as the caller said.
    Exactly(usize),
}

/// Smaller blobs are small, in bytes.
const SMALL: u64 = 1024 * 1024;
/// How many small blobs are moved in the place of another one.
const SMALL_IN_ONE: usize = 4;

impl Jobs {
    pub(crate) fn exactly(jobs: usize) -> Self {
        Self::Exactly(jobs.max(1))
    }

    /// How many small blobs, or questions about blobs, there may be at once.
    pub(crate) fn small(self) -> usize {
        match self {
            Self::BySize => 4 * SMALL_IN_ONE,
            Self::Exactly(jobs) => jobs,
        }
    }

    /// In the place of how many small ones a blob of `size` bytes is moved.
    fn cost(self, size: u64) -> usize {
        match self {
            Self::BySize if size >= SMALL => SMALL_IN_ONE,
            _ => 1,
        }
    }
}

/// A future, and the cost that is free again when it has ended.
type Costly<'a> = BoxFuture<'a, (usize, Result<(), Error>)>;

/// Runs futures, each for a blob of its size, as many at once as `jobs` says, up to the first error or until `stop` is
/// given. Then no other is begun, and those that were begun end as soon as they have heeded `stop`. If some were not
/// begun, it fails, though all that were have succeeded: with what `unfinished` says.
pub(crate) async fn at_once<'a, F>(
    jobs: Jobs,
    stop: &Stop,
    futures: impl Iterator<Item = (u64, F)>,
    unfinished: impl FnOnce() -> Error,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'a,
{
    let costly = futures.map(|(size, future)| {
        let cost = jobs.cost(size);
        (cost, Box::pin(async move { (cost, future.await) }) as Costly<'a>)
    });
    // Made here, so that nothing but futures is held while they run.
    let costly: Vec<_> = costly.collect();
    let mut waiting = costly.into_iter().peekable();
    let mut running = FuturesUnordered::new();
    let mut free = jobs.small();
    let mut first = Ok(());
    loop {
        while !stop.is_stopped()
            && let Some((cost, future)) = waiting.next_if(|(cost, _)| *cost <= free)
        {
            free -= cost;
            running.push(future);
        }
        let Some((cost, result)) = running.next().await else {
            return match waiting.peek() {
                Some(_) => first.and_then(|()| Err(unfinished())),
                None => first,
            };
        };
        free += cost;
        if first.is_ok() && result.is_err() {
            stop.stop();
            first = result;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn unfinished() -> Error {
        Error::new(ErrorKind::Aborted, "test")
    }

    #[tokio::test]
    async fn what_is_stopped_between_two_has_not_succeeded() {
        let stop = Stop::new();
        let futures = [1, 1].map(|size| {
            let work = async {
                stop.stop();
                Ok(())
            };
            (size, work)
        });
        let ended = at_once(Jobs::exactly(1), &stop, futures.into_iter(), unfinished).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Aborted);
    }

    /// How many futures ran at once at most.
    async fn most(jobs: Jobs, sizes: &[u64]) -> usize {
        let (running, most) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
        let futures = sizes.iter().map(|size| {
            let work = async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            };
            (*size, work)
        });
        at_once(jobs, &Stop::new(), futures, unfinished).await.unwrap();
        assert_eq!(running.load(Ordering::Relaxed), 0);
        most.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn more_small_blobs_than_large_ones_are_moved_at_once() {
        assert_eq!(most(Jobs::BySize, &[SMALL; 20]).await, 4);
        assert_eq!(most(Jobs::BySize, &[SMALL - 1; 20]).await, 16);
        assert_eq!(most(Jobs::BySize, &[SMALL, SMALL, SMALL, 1, 1, 1, 1, 1, SMALL]).await, 7);
        assert_eq!(most(Jobs::exactly(3), &[1; 20]).await, 3);
        assert_eq!(most(Jobs::exactly(0), &[SMALL; 3]).await, 1);
    }
}
