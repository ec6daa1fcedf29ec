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

/// Runs futures, `limit` at once, up to the first error or until `stop` is given. Then no other is begun, and those
/// that were begun end as soon as they have heeded `stop`.
pub(crate) async fn at_once<'a, F>(
    limit: usize,
    stop: &Stop,
    futures: impl Iterator<Item = F>,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'a,
{
    let boxed = futures.map(|future| Box::pin(future) as BoxFuture<'a, Result<(), Error>>);
    // Made here, so that nothing but futures is held while they run.
    let boxed: Vec<_> = boxed.collect();
    let mut waiting = boxed.into_iter();
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(limit).collect();
    let mut first = Ok(());
    while let Some(result) = running.next().await {
        if first.is_ok() && result.is_err() {
            stop.stop();
            first = result;
        }
        if !stop.is_stopped() {
            running.extend(waiting.next());
        }
    }
    first
}
